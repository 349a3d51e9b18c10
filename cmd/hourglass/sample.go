package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/spf13/cobra"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"hourglass/kernels"
	"hourglass/models/tasks"
)

func sampleCommand() *cobra.Command {
	var a applied
	var out string
	var n int
	var seed uint64
	c := &cobra.Command{
		Use:   "sample RUN",
		Short: "Draw new images",
		Long: "Draw new images from the best weights of a run: codes from the prior of a vae,\n" +
			"decoded. Other models have no prior; for them --data names images, and the codes\n" +
			"are drawn from a Gaussian fitted to the codes of those.",
		Example: "  hourglass sample runs/vae-builtin --n 64 --seed 1 --out samples.png",
		Args:    exactArgs(1, "the folder of a run"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := a.output(cmd.OutOrStdout(), out, asArray, asTable, asPNG, asFolder, asStream)
			if err != nil {
				return err
			}
			if n < 1 {
				return usagef("--n is %d, want 1 or more", n)
			}
			ctx, end, err := a.begin(cmd, args[0])
			if err != nil {
				return err
			}
			defer end()
			images, from, err := a.sample(ctx, args[0], n, seed)
			if err != nil {
				return err
			}
			err = a.writeSamples(o, array{n: n, shape: a.runner.Shape(), columns: "x"}, "images", func(add func([]float32) error) error { return add(images) })
			if err != nil {
				return err
			}
			return a.tell(o, summary{args[0], "", n, a.runner.Shape(), out}, "%d images from %s in %s", n, from, out)
		},
	}
	c.Flags().IntVar(&n, "n", gridImages, "how many")
	c.Flags().Uint64Var(&seed, "seed", 0, "of the random codes")
	c.Flags().StringVar(&out, "out", "samples.png", "where to: x.npy, x.png or a new folder")
	a.addDataFlags(c.Flags(), "fit to the first N images alone")
	c.Flags().Lookup("data").Usage = "images whose codes the Gaussian is fitted to; not for a vae"
	a.addJSONFlag(c.Flags())
	a.addDeviceFlags(c.Flags())
	return c
}

// sample draws n images and tells from what.
func (a *applied) sample(ctx context.Context, run string, n int, seed uint64) (images []float32, from string, err error) {
	if a.settings.Model.HasPrior() {
		if a.Data != "" {
			return nil, "", usagef("--data %s: a %s draws codes from its prior and fits nothing; leave --data out", a.Data, a.settings.Model.Name)
		}
		images, err = a.runner.Sample(n, seed)
		return images, "the prior", err
	}
	if a.Data == "" {
		return nil, "", usagef("%s is a %s, which has no prior to draw codes from: give --data %s to fit a Gaussian to the codes of those images, or train a vae", run, a.settings.Model.Name, a.settings.Data)
	}
	src, err := a.source()
	if err != nil {
		return nil, "", err
	}
	codes, err := tasks.Codes(ctx, a.runner, src)
	if err != nil {
		return nil, "", err
	}
	g, err := fitGaussian(codes, a.runner.Latent())
	if err != nil {
		return nil, "", err
	}
	images, err = a.runner.Decode(g.draw(n, seed))
	return images, fmt.Sprintf("a Gaussian fitted to the codes of %d images of %s, within their range", src.Info().N, src.Info().Name), err
}

// gaussian is a normal distribution of codes.
type gaussian struct {
	mean []float64
	root *mat.Dense // [z z], root·rootᵀ is the covariance
	low  []float32  // the range of each unit
	high []float32
}

// fitGaussian returns the normal distribution with the mean and covariance of
// codes [n z], n at least 2. Its draws are kept to the range that the codes
// have: units behind a ReLU are never negative.
func fitGaussian(codes []float32, z int) (*gaussian, error) {
	n := len(codes) / z
	if n < 2 {
		return nil, fmt.Errorf("a Gaussian wants the codes of at least 2 images, got %d", n)
	}
	g := &gaussian{mean: make([]float64, z), root: mat.NewDense(z, z, nil), low: slices.Clone(codes[:z]), high: slices.Clone(codes[:z])}
	x := mat.NewDense(n, z, nil)
	for i, v := range codes {
		unit := i % z
		x.Set(i/z, unit, float64(v))
		g.low[unit], g.high[unit] = min(g.low[unit], v), max(g.high[unit], v)
		g.mean[unit] += float64(v) / float64(n)
	}
	var covariance mat.SymDense
	stat.CovarianceMatrix(&covariance, x, nil)
	// Not Cholesky's root, which fails where units are constant or depend on
	// one another.
	var eigen mat.EigenSym
	if !eigen.Factorize(&covariance, true) {
		return nil, errors.New("the covariance of the codes has no eigenvalues: some are not finite")
	}
	eigen.VectorsTo(g.root)
	for j, value := range eigen.Values(nil) {
		for i := range z {
			g.root.Set(i, j, g.root.At(i, j)*math.Sqrt(max(value, 0)))
		}
	}
	return g, nil
}

// draw returns n codes. Code i depends on the seed and i alone.
func (g *gaussian) draw(n int, seed uint64) []float32 {
	z := len(g.mean)
	codes := make([]float32, 0, n*z)
	noise := kernels.Noise{Dist: kernels.Normal, Seed: seed}
	standard := make([]float64, (n*z+3)/4*4)
	for i := 0; i < len(standard); i += 4 {
		four := noise.Four(0, uint64(i/4))
		copy(standard[i:], four[:])
	}
	var code mat.VecDense
	for i := range n {
		code.MulVec(g.root, mat.NewVecDense(z, standard[i*z:(i+1)*z]))
		for unit := range z {
			v := float32(g.mean[unit] + code.AtVec(unit))
			codes = append(codes, min(max(v, g.low[unit]), g.high[unit]))
		}
	}
	return codes
}
