package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"hourglass/data/disk"
	"hourglass/models/tasks"
)

// probeLimit is how many training samples a probe is fitted to unless told.
const probeLimit = 10000

func probeCommand() *cobra.Command {
	var a applied
	var o tasks.ProbeOptions
	var out string
	var trainLimit int
	c := &cobra.Command{
		Use:   "probe RUN",
		Short: "Tell classes from codes by a linear model",
		Long: "Fit a multinomial logistic regression to the codes of training samples, and tell the\n" +
			"classes of test samples by it; beside it, the same on as many principal components\n" +
			"and on the samples themselves. Features are standardised; what is minimised is the\n" +
			"sum of -ln p(label) plus half of --l2 times the squared weights, by L-BFGS.\n" +
			"All samples are held in memory, which wants no more than --memory.",
		Example: "  hourglass probe runs/mnist --data mnist:DIR",
		Args:    exactArgs(1, "the folder of a run"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFile("out", out, ".csv"); err != nil {
				return err
			}
			if !(o.L2 > 0 && o.L2 <= 1e9) {
				return usagef("--l2 is %v, want above 0 and at most 1e9", o.L2)
			}
			if o.Iterations < 1 {
				return usagef("--iterations is %d, want 1 or more", o.Iterations)
			}
			if trainLimit < 0 {
				return usagef("--train-limit is %d, want 0 for all or more", trainLimit)
			}
			ctx, end, err := a.begin(cmd, args[0])
			if err != nil {
				return err
			}
			defer end()
			if a.Data == "-" {
				return usagef("--data -: standard input has no labels; give a labelled data set")
			}
			training, err := a.sourceOf(a.Data, "train", trainLimit)
			if err != nil {
				return err
			}
			test, err := a.source()
			if err != nil {
				return err
			}
			if err := a.reading.holds("probe", "--train-limit and --limit", training, test); err != nil {
				return err
			}
			results, err := tasks.CompareProbes(ctx, a.runner, training, test, o)
			if err != nil {
				return err
			}
			if out != "" {
				if err := disk.WriteFile(out, func(w io.Writer) error { return writeProbes(w, results) }); err != nil {
					return err
				}
			}
			if a.JSON {
				return writeJSON(a.out, struct {
					Run      string              `json:"run"`
					Training string              `json:"training"`
					Test     string              `json:"test"`
					Count    [2]int              `json:"count"` // of training, of test samples
					L2       float64             `json:"l2"`
					Probes   []tasks.ProbeResult `json:"probes"`
				}{args[0], training.Info().Name, test.Info().Name, [2]int{training.Info().N, test.Info().N}, o.L2, results})
			}
			fmt.Fprintf(a.out, "logistic regression on %d samples of %s, tested on %d of %s\n", training.Info().N, training.Info().Name, test.Info().N, test.Info().Name)
			t := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', tabwriter.AlignRight)
			fmt.Fprintln(t, "features\tnumbers\ttrain accuracy\ttest accuracy\t")
			for _, r := range results {
				fmt.Fprintf(t, "%s\t%d\t%.4f\t%.4f\t\n", r.Features, r.Dim, r.Train, r.Test)
			}
			return t.Flush()
		},
	}
	f := c.Flags()
	f.Float64Var(&o.L2, "l2", 1, "weight of the squared weights; scikit-learn's C is 1/L2")
	f.IntVar(&o.Iterations, "iterations", 200, "of L-BFGS at most")
	f.IntVar(&trainLimit, "train-limit", probeLimit, "fit to the first N training samples alone, 0 for all")
	f.StringVar(&out, "out", "", "write the table to a file too: x.csv")
	a.addDataFlags(f, "test on the first N samples alone")
	a.addJSONFlag(f)
	a.addDeviceFlags(f)
	return c
}

func writeProbes(w io.Writer, results []tasks.ProbeResult) error {
	c := csv.NewWriter(w)
	c.Write([]string{"features", "dim", "train", "test"}) // an error stays until Error
	for _, r := range results {
		number := func(v float64) string { return strconv.FormatFloat(v, 'f', 6, 64) }
		c.Write([]string{r.Features, strconv.Itoa(r.Dim), number(r.Train), number(r.Test)})
	}
	c.Flush()
	return c.Error()
}
