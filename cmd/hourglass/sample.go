package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"hourglass/models/tasks"
)

func sampleCommand() *cobra.Command {
	var a applied
	var out string
	var n int
	var seed uint64
	var fit bool
	takes := []form{asPNG, asFolder, asArray, asTable, asWAV, asStream}
	c := &cobra.Command{
		Use:   "sample RUN",
		Short: "Draw new images",
		Long: "Draw new images from the best weights of a run: codes from the prior of a vae, iwae\n" +
			"or wae, decoded. An ordinary autoencoder has no prior; with --fit codes are drawn\n" +
			"from a Gaussian of full covariance that is fitted to the codes of --data, or else\n" +
			"of the run's data, and kept to the range that those have. A vqvae can do neither.",
		Example: "  hourglass sample runs/vae-builtin --n 64 --seed 1 --out samples.png\n" +
			"  hourglass sample runs/conv-builtin --fit --split train --out samples.png",
		Args: exactArgs(1, "the folder of a run"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := a.output(cmd.OutOrStdout(), out, takes...)
			if err != nil {
				return err
			}
			if n < 1 || n > mostSamples {
				return usagef("--n is %d, want 1 to %d", n, mostSamples)
			}
			if err := o.checkDrawn(n); err != nil {
				return err
			}
			ctx, end, err := a.begin(cmd, args[0])
			if err != nil {
				return err
			}
			defer end()
			draw, from, err := a.sampler(ctx, args[0], fit)
			if err != nil {
				return err
			}
			images, err := a.samples(o, n)
			if err != nil {
				return err
			}
			err = a.writeSamples(o, images, "images", func(add func([]float32) error) error {
				return draw(n, seed, func(_ int, x []float32) error { return add(x) })
			})
			if err != nil {
				return err
			}
			return a.tell(o, sampleSummary{summary{args[0], "", n, a.runner.Shape(), out}, from, seed}, "%d images from %s in %s", n, from, out)
		},
	}
	c.Flags().IntVar(&n, "n", gridImages, fmt.Sprintf("how many, of a picture at most %d", mostDrawn))
	c.Flags().Uint64Var(&seed, "seed", 0, "of the random codes")
	c.Flags().StringVar(&out, "out", "samples.png", outUsage(takes...))
	c.Flags().BoolVar(&fit, "fit", false, "draw from a Gaussian fitted to codes, not from a prior")
	a.addDataFlags(c.Flags(), "fit to the first N images alone")
	c.Flags().Lookup("data").Usage = "images whose codes the Gaussian is fitted to (default the run's)"
	a.addRawFlag(c.Flags())
	a.addJSONFlag(c.Flags())
	a.addDeviceFlags(c.Flags())
	return c
}

// sampleSummary is what --json prints.
type sampleSummary struct {
	summary
	From string `json:"from"` // what codes were drawn from
	Seed uint64 `json:"seed"`
}

// sampler returns what draws samples, and tells from what.
func (a *applied) sampler(ctx context.Context, run string, fit bool) (draw func(n int, seed uint64, use func(int, []float32) error) error, from string, err error) {
	model := a.settings.Model
	switch {
	case model.Name == "vqvae":
		return nil, "", usagef("%s is a vqvae, whose codes are a grid of entries of a codebook: to draw those takes a model of such grids, which Hourglass has not; train a vae to sample from", run)
	case model.HasPrior() && !fit && a.Data != "":
		return nil, "", usagef("--data %s: a %s draws codes from its prior and fits nothing; leave --data out, or add --fit", a.Data, model.Name)
	case model.HasPrior() && !fit:
		return func(n int, seed uint64, use func(int, []float32) error) error {
			return tasks.Sample(ctx, a.runner, n, seed, use)
		}, "the prior", nil
	case !fit && a.Data == "":
		return nil, "", usagef("%s is a %s, which has no prior to draw codes from: --fit fits a Gaussian to the codes of its data, or train a vae", run, model.Name)
	}
	src, err := a.source()
	if err != nil {
		return nil, "", err
	}
	codes, err := a.codesOfAll(ctx, src)
	if err != nil {
		return nil, "", err
	}
	g, err := tasks.FitGaussian(codes, a.runner.Latent())
	if err != nil {
		return nil, "", err
	}
	info := src.Info()
	return func(n int, seed uint64, use func(int, []float32) error) error {
		return g.Sample(ctx, a.runner, n, seed, use)
	}, fmt.Sprintf("a Gaussian fitted to the codes of %d images of %s, within their range", info.N, info.Name), nil
}
