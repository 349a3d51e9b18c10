package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"hourglass/data"
	"hourglass/data/disk"
	"hourglass/models"
	"hourglass/models/tasks"
	"hourglass/models/train"
)

// oneClassTable is anomaly table at work.
type oneClassTable struct {
	applied
	options settings // of the models to train
	spec    string
	path    string
	score   string
	classes []uint
	results []tasks.OneClassResult
}

// oneClassDefaults are what the table trains when it is not told.
const (
	oneClassEpochs = 10
	oneClassLatent = 16
	oneClassBatch  = 64
)

func anomalyTableCommand() *cobra.Command {
	var t oneClassTable
	c := &cobra.Command{
		Use:   "table",
		Short: "Train on each class alone and tell it from the others",
		Long: "Train a model on each class of a labelled data set alone, and measure how well its\n" +
			"score tells the test samples of that class from those of all others: AUROC and\n" +
			"AUPRC of each class and their means, as in table 1 of Ruff et al., Deep One-Class\n" +
			"Classification, 2018, where a convolutional autoencoder has a mean AUROC of 89.7 %\n" +
			"on MNIST.",
		Example: "  hourglass anomaly table --data mnist:DIR --out auroc.csv",
		Args:    exactArgs(0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return t.run(cmd)
		},
	}
	f := c.Flags()
	f.StringVar(&t.spec, "data", defaultData, "a labelled data set as train takes it")
	f.StringVar(&t.options.Model.Name, "model", defaultModel, "the kind of autoencoder")
	f.IntVar(&t.options.Model.Latent, "latent", oneClassLatent, "units of the code")
	f.IntVar(&t.options.Train.Epochs, "epochs", oneClassEpochs, "passes over the samples of a class")
	f.IntVar(&t.options.Train.Batch, "batch", oneClassBatch, "samples of a step")
	f.IntVar(&t.options.Train.Limit, "limit", 0, "train on the first N samples of each class alone")
	f.Uint64Var(&t.options.Train.Seed, "seed", 0, "of weights, order and noise")
	f.StringVar(&t.score, "score", tasks.ScoreMSE, "mse, mahalanobis or elbo")
	f.UintSliceVar(&t.classes, "class", nil, "the classes to train on in turn, as 0,1,2 (default all)")
	f.StringVar(&t.path, "out", "", "write the table to a file too: x.csv")
	t.reading.addFlags(f)
	t.addJSONFlag(f)
	t.addDeviceFlags(f)
	return c
}

func (t *oneClassTable) run(cmd *cobra.Command) error {
	if err := checkFile("out", t.path, ".csv"); err != nil {
		return err
	}
	if err := checkScore(t.score); err != nil {
		return err
	}
	o, err := t.oneClass()
	if err != nil {
		return err
	}
	t.in, t.out, t.err = cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()
	tell := &warner{to: t.err}
	training, err := t.reading.open(t.spec, data.Train, tell)
	if err != nil {
		return err
	}
	test, err := t.reading.open(t.spec, data.Test, tell)
	if err != nil {
		return err
	}
	if training.Info().Labels == nil {
		return usagef("--data %s: its samples have no labels; anomaly table wants classes", t.spec)
	}
	if _, err := ofClasses(training, t.classes); err != nil {
		return err // before the others are trained on
	}
	dev, err := t.options.open()
	if err != nil {
		return err
	}
	defer dev.Close()
	ctx, stop := untilSignal(cmd.Context(), t.err)
	defer stop()
	err = tasks.OneClass(ctx, dev, training, test, o, func(r tasks.OneClassResult) error {
		t.results = append(t.results, r)
		if !t.Quiet {
			fmt.Fprintf(t.err, "class %d: AUROC %.4f after %d samples\n", r.Class, r.AUROC, r.Training)
		}
		return nil
	})
	if errors.Is(err, train.ErrStopped) {
		return fmt.Errorf("%w while training", errInterrupted)
	}
	if err != nil {
		return err
	}
	return t.tellTable(training.Info())
}

// oneClass checks the settings and returns what is to be trained.
func (t *oneClassTable) oneClass() (tasks.OneClassOptions, error) {
	var o tasks.OneClassOptions
	s := &t.options
	s.Device, s.Threads, s.Precision = t.Device, t.Threads, autoPrecision
	s.Train.Optimizer.Name = "adam"
	s.Train = s.Train.WithDefaults()
	if err := s.check(); err != nil {
		return o, err
	}
	config, err := models.Default(s.Model.Name)
	if err != nil {
		return o, usageError{err}
	}
	config.Latent = s.Model.Latent
	if o.Classes, err = asLabels("class", t.classes); err != nil {
		return o, err
	}
	o.Model, o.Train, o.Score = config, s.Train, t.score
	return o, nil
}

// tellTable writes the table and the means.
func (t *oneClassTable) tellTable(info data.Info) error {
	var mean struct {
		AUROC float64 `json:"auroc"`
		AUPRC float64 `json:"auprc"`
	}
	for _, r := range t.results {
		mean.AUROC += r.AUROC / float64(len(t.results))
		mean.AUPRC += r.AUPRC / float64(len(t.results))
	}
	if t.path != "" {
		if err := disk.WriteFile(t.path, t.writeCSV); err != nil {
			return err
		}
	}
	if t.JSON {
		return writeJSON(t.out, struct {
			Data    string                 `json:"data"`
			Model   string                 `json:"model"`
			Latent  int                    `json:"latent"`
			Epochs  int                    `json:"epochs"`
			Classes []tasks.OneClassResult `json:"classes"`
			Mean    any                    `json:"mean"`
		}{info.Name, t.options.Model.Name, t.options.Model.Latent, t.options.Train.Epochs, t.results, mean})
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "class\tAUROC\tAUPRC\t")
	for _, r := range t.results {
		class := strconv.Itoa(int(r.Class))
		if int(r.Class) < len(info.Classes) {
			class = info.Classes[r.Class]
		}
		fmt.Fprintf(w, "%s\t%.4f\t%.4f\t\n", class, r.AUROC, r.AUPRC)
	}
	fmt.Fprintf(w, "mean\t%.4f\t%.4f\t\n", mean.AUROC, mean.AUPRC)
	return w.Flush()
}

func (t *oneClassTable) writeCSV(w io.Writer) error {
	c := csv.NewWriter(w)
	c.Write([]string{"class", "training", "auroc", "auprc"}) // an error stays until Error
	for _, r := range t.results {
		number := func(v float64) string { return strconv.FormatFloat(v, 'f', 6, 64) }
		c.Write([]string{strconv.Itoa(int(r.Class)), strconv.Itoa(r.Training), number(r.AUROC), number(r.AUPRC)})
	}
	c.Flush()
	return c.Error()
}
