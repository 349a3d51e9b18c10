package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/spf13/cobra"

	"hourglass/models/tasks"
	"hourglass/models/train"
)

func evalCommand() *cobra.Command {
	var a applied
	var o tasks.MeasureOptions
	c := &cobra.Command{
		Use:   "eval RUN",
		Short: "Measure a trained model",
		Long: "Measure the best weights of a run: the mean over the images of every metric that\n" +
			"its model has. mse, mae and psnr are those of images in [0, 1], ssim their structural\n" +
			"similarity; bce, nll, kl, elbo, iwae_k and nll_is, which --samples asks for, are in\n" +
			"nats for each image; active_units are those of a variational code that vary with the\n" +
			"image. --frechet adds the squared Fréchet distances fd_pca64_… of reconstructions, and\n" +
			"of as many images drawn from the prior, from the images: between Gaussians fitted\n" +
			"along the 64 principal components of the images. It is no Fréchet inception distance.",
		Example: "  hourglass eval runs/mnist --data mnist:DIR --json\n" +
			"  hourglass eval runs/vae-builtin --samples 100 --limit 1000 --frechet",
		Args: exactArgs(1, "the folder of a run"),
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
			if o.Frechet {
				if err := a.reading.holds("eval --frechet", "--limit", d); err != nil {
					return err
				}
			}
			metrics, err := tasks.Evaluate(ctx, a.runner, d, o)
			if errors.Is(err, train.ErrStopped) {
				return fmt.Errorf("%w while evaluating", errInterrupted)
			}
			if err != nil {
				return err
			}
			if a.JSON {
				return writeMetricsObject(cmd.OutOrStdout(), metrics)
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%s, %d images of %s\n", args[0], d.Info().N, d.Info().Name)
			return writeTable(cmd.OutOrStdout(), metrics)
		},
	}
	a.addDataFlags(c.Flags(), "measure on the first N images alone")
	c.Flags().IntVar(&a.Samples, "samples", 0, "estimate ln p(x) of vae and iwae by so many codes an image")
	c.Flags().BoolVar(&o.Frechet, "frechet", false, "measure Fréchet distances too, with all images in memory")
	a.addJSONFlag(c.Flags())
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
