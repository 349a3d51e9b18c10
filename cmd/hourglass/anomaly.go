package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"hourglass/data"
	"hourglass/data/disk"
	"hourglass/models/metrics"
	"hourglass/models/tasks"
)

func anomalyCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "anomaly",
		Short: "Find what is unlike the data learned",
		Long: "Find samples that are unlike those a model was trained on: fit a threshold to the\n" +
			"scores of normal samples, then score others. The score is the mean squared error of\n" +
			"a sample's reconstruction, the Mahalanobis distance of its code, or -elbo of a vae.",
		Example: "  hourglass anomaly fit runs/threes --class 3 --out detector.json\n" +
			"  hourglass anomaly score runs/threes --detector detector.json --normal 3 --out scores.csv",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return usagef("anomaly has no command %q; want fit, score or table", args[0])
		},
		RunE:                  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		DisableFlagsInUseLine: true,
	}
	c.AddCommand(anomalyFitCommand(), anomalyScoreCommand(), anomalyTableCommand())
	for _, sub := range c.Commands() {
		sub.Flags().SortFlags = false
	}
	return c
}

func anomalyFitCommand() *cobra.Command {
	var a applied
	var out string
	var o tasks.DetectorOptions
	var classes []uint
	c := &cobra.Command{
		Use:   "fit RUN",
		Short: "Fit a threshold to normal samples",
		Long: "Fit a detector to normal samples: its threshold is the quantile of their scores that\n" +
			"--quantile says, above which a sample is an anomaly. The file holds all that score\n" +
			"needs beside the run.",
		Example: "  hourglass anomaly fit runs/mnist --quantile 0.99 --out detector.json\n" +
			"  hourglass anomaly fit runs/threes --data mnist:DIR --class 3 --score mahalanobis --out detector.json",
		Args: exactArgs(1, "the folder of a run"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if out == "" {
				return usagef("--out is missing: want x.json")
			}
			if err := checkFile("out", out, ".json"); err != nil {
				return err
			}
			if !(o.Quantile > 0 && o.Quantile <= 1) {
				return usagef("--quantile is %v, want above 0 and at most 1", o.Quantile)
			}
			if err := checkScore(o.Score); err != nil {
				return err
			}
			ctx, end, err := a.begin(cmd, args[0])
			if err != nil {
				return err
			}
			defer end()
			if m := a.runner.Config(); o.Score == tasks.ScoreELBO && (!m.HasLikelihood() || m.Classes > 0) {
				return usagef("--score elbo: the model %s has no elbo; score by mse or mahalanobis, or train a vae", m.Name)
			}
			src, err := a.source()
			if err != nil {
				return err
			}
			if src, err = ofClasses(src, classes); err != nil {
				return err
			}
			d, err := tasks.FitDetector(ctx, a.runner, src, o)
			if err != nil {
				return err
			}
			if err := disk.WriteFile(out, d.Write); err != nil {
				return err
			}
			if a.JSON {
				return writeJSON(a.out, d)
			}
			_, err = fmt.Fprintf(a.out, "threshold %.6g: %g of the scores (%s) of %d samples of %s are not above; in %s\n", d.Threshold, d.Quantile, scoreName(d.Score), d.Samples, d.Data, out)
			return err
		},
	}
	c.Flags().StringVar(&out, "out", "", "where to: x.json")
	c.Flags().Float64Var(&o.Quantile, "quantile", 0.99, "share of the normal samples whose score is not above the threshold")
	c.Flags().StringVar(&o.Score, "score", tasks.ScoreMSE, "mse, mahalanobis or elbo")
	c.Flags().UintSliceVar(&classes, "class", nil, "the classes that are normal, as 3 or 1,7 (default all samples)")
	a.addDataFlags(c.Flags(), "fit to the first N samples alone")
	c.Flags().Set("split", "train")
	c.Flags().Lookup("split").DefValue = "train"
	c.Flags().Lookup("split").Changed = false
	a.addJSONFlag(c.Flags())
	a.addDeviceFlags(c.Flags())
	return c
}

func checkScore(score string) error {
	switch score {
	case tasks.ScoreMSE, tasks.ScoreMahalanobis, tasks.ScoreELBO:
		return nil
	}
	return usagef("--score %q: want %s, %s or %s", score, tasks.ScoreMSE, tasks.ScoreMahalanobis, tasks.ScoreELBO)
}

// scoreName is what results call a score: what is above a threshold.
func scoreName(score string) string {
	if score == tasks.ScoreELBO {
		return "−elbo"
	}
	return score
}

// ofClasses returns the samples of some classes, all for none.
func ofClasses(src data.Source, classes []uint) (data.Source, error) {
	if len(classes) == 0 {
		return src, nil
	}
	wanted, err := asLabels("class", classes)
	if err != nil {
		return nil, err
	}
	if src, err = tasks.OfClass(src, wanted...); err != nil {
		return nil, usagef("--class: %w", err)
	}
	return src, nil
}

func asLabels(flag string, classes []uint) ([]uint8, error) {
	var labels []uint8
	for _, c := range classes {
		if c > 255 {
			return nil, usagef("--%s %d: want classes from 0 to 255", flag, c)
		}
		labels = append(labels, uint8(c))
	}
	return labels, nil
}

// scoring is anomaly score at work.
type scoring struct {
	applied
	run, detector, path string // of the table of scores
	heat                string
	histogram, roc, pr  string
	normal              []uint
	top                 int

	d      *tasks.Detector
	src    data.Source
	scores []float64
}

func anomalyScoreCommand() *cobra.Command {
	var s scoring
	c := &cobra.Command{
		Use:   "score RUN",
		Short: "Score samples by a fitted detector",
		Long: "Score samples by a detector of anomaly fit. x.csv has a line for each: its number,\n" +
			"its score, 1 for an anomaly, and its label where there is one. --normal names the\n" +
			"classes that are no anomalies, so that AUROC, AUPRC, precision and recall are known.\n" +
			"--heatmaps shows where samples differ from their reconstructions, as squared errors:\n" +
			"x.png those of the highest scores, x.npy an array [N H W] and a folder a PNG of each.",
		Example: "  hourglass anomaly score runs/threes --detector detector.json --normal 3 --out scores.csv \\\n" +
			"      --heatmaps maps.png --histogram scores.png --roc roc.png --pr pr.png",
		Args: exactArgs(1, "the folder of a run"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s.run = args[0]
			heat, err := s.check(cmd.OutOrStdout())
			if err != nil {
				return err
			}
			ctx, end, err := s.begin(cmd, s.run)
			if err != nil {
				return err
			}
			defer end()
			if err := s.readDetector(); err != nil {
				return err
			}
			if s.src, err = s.source(); err != nil {
				return err
			}
			return s.work(ctx, heat)
		},
	}
	f := c.Flags()
	f.StringVar(&s.detector, "detector", "", "the file x.json of anomaly fit")
	f.StringVar(&s.path, "out", "", "where to: x.csv, or - for the same on standard output")
	f.UintSliceVar(&s.normal, "normal", nil, "the classes that are no anomalies, as 3 or 1,7")
	f.StringVar(&s.heat, "heatmaps", "", "where errors are: x.png of the highest scores, x.npy or a new folder of all")
	f.IntVar(&s.top, "top", 16, "how many x.png of --heatmaps shows")
	f.StringVar(&s.histogram, "histogram", "", "draw the distribution of the scores with the threshold"+figureUsage)
	f.StringVar(&s.roc, "roc", "", "draw the receiver operating characteristic"+figureUsage)
	f.StringVar(&s.pr, "pr", "", "draw precision and recall"+figureUsage)
	s.addDataFlags(f, "score the first N samples alone")
	s.addJSONFlag(f)
	s.addDeviceFlags(f)
	return c
}

// check finds what is wrong with the flags, and how heat-maps are written.
func (s *scoring) check(w io.Writer) (heat output, err error) {
	if s.detector == "" {
		return heat, usagef("--detector is missing: want the file of hourglass anomaly fit")
	}
	if s.path == "" {
		return heat, usagef("--out is missing: want x.csv, or - for standard output")
	}
	if s.path != "-" {
		if err := checkFile("out", s.path, ".csv"); err != nil {
			return heat, err
		}
	} else if s.JSON {
		return heat, usagef("--out - and --json: both want standard output; leave one out")
	}
	if s.top < 1 {
		return heat, usagef("--top is %d, want 1 or more", s.top)
	}
	if len(s.normal) == 0 && (s.roc != "" || s.pr != "") {
		return heat, usagef("--roc and --pr want --normal, the classes that are no anomalies")
	}
	if err := checkFigures("histogram", s.histogram, "roc", s.roc, "pr", s.pr); err != nil || s.heat == "" {
		return heat, err
	}
	return s.output(w, s.heat, asPNG, asArray, asFolder)
}

func (s *scoring) readDetector() error {
	f, err := os.Open(s.detector)
	if err != nil {
		return err
	}
	defer f.Close()
	if s.d, err = tasks.ReadDetector(f); err != nil {
		return fmt.Errorf("%s: %w", s.detector, err)
	}
	if err := s.d.Check(s.runner); err != nil {
		return fmt.Errorf("%s: %w", s.detector, err)
	}
	return nil
}

// scored is what anomaly score tells.
type scored struct {
	Run       string   `json:"run"`
	Data      string   `json:"data"`
	Count     int      `json:"count"`
	Score     string   `json:"score"`
	Threshold float64  `json:"threshold"`
	Anomalies int      `json:"anomalies"`
	Out       string   `json:"out"`
	AUROC     *float64 `json:"auroc,omitempty"`
	AUPRC     *float64 `json:"auprc,omitempty"`
	Precision *float64 `json:"precision,omitempty"`
	Recall    *float64 `json:"recall,omitempty"`
}

// work scores all samples and writes what was asked for.
func (s *scoring) work(ctx context.Context, heat output) error {
	info := s.src.Info()
	positive, err := s.positives(info)
	if err != nil {
		return err
	}
	bar := s.progress(info.N, "scores")
	err = s.writeText(s.path, func(w io.Writer) error { return s.writeScores(ctx, w, info, bar) })
	bar.end()
	if err != nil {
		return err
	}
	told := scored{Run: s.run, Data: info.Name, Count: info.N, Score: s.d.Score, Threshold: s.d.Threshold, Out: s.path}
	for _, above := range s.d.Anomalies(s.scores) {
		if above {
			told.Anomalies++
		}
	}
	if positive != nil {
		if err := told.compare(s.d, s.scores, positive); err != nil {
			return err
		}
	}
	if err := s.draw(positive, told); err != nil {
		return err
	}
	if s.heat != "" {
		if err := s.drawHeat(ctx, heat); err != nil {
			return err
		}
	}
	if s.path == "-" {
		return nil
	}
	if s.JSON {
		return writeJSON(s.out, told)
	}
	return told.write(s.out)
}

// positives tells which samples are anomalies by their label, nil if nobody knows.
func (s *scoring) positives(info data.Info) ([]bool, error) {
	if len(s.normal) == 0 {
		return nil, nil
	}
	if info.Labels == nil {
		return nil, usagef("--normal: the samples of %s have no labels; leave it out", info.Name)
	}
	normal, err := asLabels("normal", s.normal)
	if err != nil {
		return nil, err
	}
	positive, anomalous := make([]bool, info.N), 0
	for i, l := range info.Labels {
		if positive[i] = !slices.Contains(normal, l); positive[i] {
			anomalous++
		}
	}
	if anomalous == 0 || anomalous == info.N {
		return nil, fmt.Errorf("--normal %v: %d of %d samples of %s are anomalies by their label, want both kinds", s.normal, anomalous, info.N, info.Name)
	}
	return positive, nil
}

// writeScores writes the table, sample by sample as they are scored.
func (s *scoring) writeScores(ctx context.Context, out io.Writer, info data.Info, bar *progress) error {
	w := bufio.NewWriter(out)
	header := "index,score,anomaly"
	if info.Labels != nil {
		header += ",label"
	}
	fmt.Fprintln(w, header)
	err := s.d.Scores(ctx, s.runner, s.src, func(part tasks.Scored) error {
		above := s.d.Anomalies(part.Scores)
		var line []byte
		for i, score := range part.Scores {
			line = strconv.AppendInt(line[:0], int64(part.From+i), 10)
			line = strconv.AppendFloat(append(line, ','), score, 'g', 9, 64)
			line = append(line, ',', '0')
			if above[i] {
				line[len(line)-1] = '1'
			}
			if info.Labels != nil {
				line = strconv.AppendUint(append(line, ','), uint64(info.Labels[part.From+i]), 10)
			}
			if _, err := w.Write(append(line, '\n')); err != nil {
				return err
			}
		}
		s.scores = append(s.scores, part.Scores...)
		bar.at(len(s.scores))
		return nil
	})
	if err != nil {
		return err
	}
	return w.Flush()
}

// compare measures the detector by what is known.
func (t *scored) compare(d *tasks.Detector, scores []float64, positive []bool) error {
	auroc, err := metrics.AUROC(scores, positive)
	if err != nil {
		return err
	}
	auprc, err := metrics.AveragePrecision(scores, positive)
	if err != nil {
		return err
	}
	found, all := 0, 0
	for i, above := range d.Anomalies(scores) {
		if positive[i] {
			all++
		}
		if positive[i] && above {
			found++
		}
	}
	recall := float64(found) / float64(all)
	t.AUROC, t.AUPRC, t.Recall = &auroc, &auprc, &recall
	if t.Anomalies > 0 {
		precision := float64(found) / float64(t.Anomalies)
		t.Precision = &precision
	}
	return nil
}

func (t scored) write(w io.Writer) error {
	if _, err := fmt.Fprintf(w, "%d of %d samples of %s are anomalies: their %s is above %.6g; scores in %s\n", t.Anomalies, t.Count, t.Data, scoreName(t.Score), t.Threshold, t.Out); err != nil {
		return err
	}
	return writeRows(w, row{"auroc", t.AUROC}, row{"auprc", t.AUPRC}, row{"precision", t.Precision}, row{"recall", t.Recall})
}
