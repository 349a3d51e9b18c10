package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"

	"github.com/spf13/cobra"

	"hourglass/models/train"
)

func evalCommand() *cobra.Command {
	var a applied
	var asJSON bool
	c := &cobra.Command{
		Use:   "eval RUN",
		Short: "Measure a trained model",
		Long: "Measure the best weights of a run: the mean over the images of every metric that\n" +
			"its model has. mse, mae and psnr are those of images in [0, 1]; bce, nll, kl,\n" +
			"elbo, iwae_k and nll_is, which --samples asks for, are in nats for each image.",
		Example: "  hourglass eval runs/mnist --data mnist:DIR --json",
		Args:    exactArgs(1, "the folder of a run"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, end, err := a.begin(cmd, args[0])
			if err != nil {
				return err
			}
			defer end()
			d, err := a.source()
			if err != nil {
				return err
			}
			metrics, err := evaluate(ctx, a.runner, d)
			if err != nil {
				return err
			}
			if asJSON {
				return writeMetricsObject(cmd.OutOrStdout(), metrics)
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%s, %d images of %s\n", args[0], d.Info().N, d.Info().Name)
			return writeTable(cmd.OutOrStdout(), metrics)
		},
	}
	a.addDataFlags(c.Flags(), "measure on the first N images alone")
	c.Flags().IntVar(&a.Samples, "samples", 0, "estimate ln p(x) of vae and iwae by so many codes an image")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	a.addDeviceFlags(c.Flags())
	return c
}

// writeMetricsObject prints metrics as one JSON object in the model's order.
func writeMetricsObject(w io.Writer, metrics []train.Value) error {
	var b bytes.Buffer
	for i, m := range metrics {
		if math.IsNaN(m.Value) || math.IsInf(m.Value, 0) {
			return fmt.Errorf("%s is %v, which JSON cannot hold; without --json it prints", m.Name, m.Value)
		}
		name, err := json.Marshal(m.Name)
		if err != nil {
			return err
		}
		value, err := json.Marshal(m.Value)
		if err != nil {
			return err
		}
		separator := ", "
		if i == 0 {
			separator = "{"
		}
		fmt.Fprintf(&b, "%s%s: %s", separator, name, value)
	}
	_, err := fmt.Fprintf(w, "%s}\n", b.Bytes())
	return err
}
