package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"hourglass/data"
	"hourglass/data/disk"
	"hourglass/kernels"
	"hourglass/models/tasks"
	"hourglass/models/train"
)

// classification is what --json prints of classify.
type classification struct {
	Run      string   `json:"run"`
	Data     string   `json:"data"`
	Count    int      `json:"count"`
	Accuracy *float64 `json:"accuracy,omitempty"` // where labels are known
	// Confusion counts the images of each label (row) by the class they were put
	// into (column).
	Confusion [][]int `json:"confusion,omitempty"`
	Out       string  `json:"out,omitempty"`
}

func classifyCommand() *cobra.Command {
	var a applied
	var out string
	c := &cobra.Command{
		Use:   "classify RUN",
		Short: "Tell the classes of images by a classifier",
		Long: "Tell the classes of images by a run of hourglass finetune. Where the data have\n" +
			"labels it prints the accuracy, and for each label how many of its images were put\n" +
			"into which class. --out takes the results: x.csv has a line for each image with its\n" +
			"likeliest class and the probability of each, x.npy the probabilities [N classes].",
		Example: "  hourglass classify runs/mnist-labels\n" +
			"  hourglass classify runs/mnist-labels --data images:photos --out classes.csv",
		Args: exactArgs(1, "the folder of a run"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var o output
			var err error
			if out != "" {
				if o, err = a.output(cmd.OutOrStdout(), out, asTable, asArray, asStream); err != nil {
					return err
				}
			}
			ctx, end, err := a.begin(cmd, args[0])
			if err != nil {
				return err
			}
			defer end()
			if a.settings.Model.Classes == 0 {
				return usagef("%s knows no classes: hourglass finetune %s makes a classifier of it", args[0], args[0])
			}
			src, err := a.source()
			if err != nil {
				return err
			}
			return a.classify(ctx, args[0], src, o)
		},
	}
	c.Flags().StringVar(&out, "out", "", "where the classes go: x.csv, x.npy, or - for an NPY on standard output")
	a.addDataFlags(c.Flags(), "the first N images alone")
	a.addJSONFlag(c.Flags())
	a.addDeviceFlags(c.Flags())
	return c
}

// classify classifies all samples of src, and compares with their labels.
func (a *applied) classify(ctx context.Context, run string, src data.Source, o output) error {
	info := src.Info()
	if o.path == "" && info.Labels == nil {
		return usagef("%s has no labels to compare with: --out x.csv writes the classes down", info.Name)
	}
	told := classification{Run: run, Data: info.Name, Count: info.N, Out: o.path}
	if o.path != "" {
		if err := a.writeClasses(ctx, src, o); err != nil {
			return err
		}
	}
	if info.Labels != nil {
		counts, err := a.runner.Confusion(ctx, src)
		if errors.Is(err, train.ErrStopped) {
			return fmt.Errorf("%w while classifying", errInterrupted)
		}
		if err != nil {
			return err
		}
		accuracy := accuracyOf(counts)
		told.Accuracy, told.Confusion = &accuracy, counts
	}
	switch {
	case o.form == asStream && o.path != "":
		return nil
	case a.JSON:
		return writeJSON(a.out, told)
	}
	if o.path != "" {
		fmt.Fprintf(a.out, "classes of %d images of %s in %s\n", info.N, info.Name, o.path)
	}
	if told.Accuracy == nil {
		return nil
	}
	return writeConfusion(a.out, info, told)
}

// writeClasses writes the probabilities of classes, in a table behind the
// likeliest one.
func (a *applied) writeClasses(ctx context.Context, src data.Source, o output) error {
	n, classes := src.Info().N, a.settings.Model.Classes
	produce := func(use func(p []float32) error) error {
		return tasks.Each(ctx, src, a.runner.Batch(), func(_ int, images []float32) error {
			p, err := a.runner.Classify(images)
			if err != nil {
				return err
			}
			return use(p)
		})
	}
	if o.form != asTable {
		return a.writeSamples(o, array{n: n, shape: kernels.Shape{classes}}, "images", produce)
	}
	return disk.WriteFile(o.path, func(w io.Writer) error {
		line := []byte("class")
		for k := range classes {
			line = append(line, ",p"...)
			line = strconv.AppendInt(line, int64(k), 10)
		}
		if _, err := w.Write(append(line, '\n')); err != nil {
			return err
		}
		return produce(func(p []float32) error {
			for ; len(p) > 0; p = p[classes:] {
				line = strconv.AppendInt(line[:0], int64(train.Likeliest(p[:classes])), 10)
				for _, v := range p[:classes] {
					line = strconv.AppendFloat(append(line, ','), float64(v), 'g', -1, 32)
				}
				if _, err := w.Write(append(line, '\n')); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

func accuracyOf(counts [][]int) float64 {
	right, all := 0, 0
	for label, row := range counts {
		right += row[label]
		for _, n := range row {
			all += n
		}
	}
	return float64(right) / float64(all)
}

// writeConfusion prints the accuracy and the confusion matrix.
func writeConfusion(w io.Writer, info data.Info, c classification) error {
	name := func(k int) string {
		if k < len(info.Classes) {
			return info.Classes[k]
		}
		return strconv.Itoa(k)
	}
	fmt.Fprintf(w, "accuracy %.2f%%, error %.2f%% of %d images\n\n", 100**c.Accuracy, 100*(1-*c.Accuracy), c.Count)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "label")
	for k := range c.Confusion {
		fmt.Fprintf(t, "\t%s", name(k))
	}
	fmt.Fprintln(t, "\t")
	for k, row := range c.Confusion {
		fmt.Fprint(t, name(k))
		for _, n := range row {
			fmt.Fprintf(t, "\t%d", n)
		}
		fmt.Fprintln(t, "\t")
	}
	return t.Flush()
}
