package tasks

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"hourglass/kernels"
	"hourglass/models/metrics"
	"hourglass/models/train"
)

// Codes at random are drawn a batch at a time: code i depends on the seed and i
// alone.
type drawer interface {
	// draw returns codes from … from+n-1, [n z].
	draw(from, n int, seed uint64) []float32
}

// Sample hands n samples [… H W C] to use that are decoded from codes of the
// model's prior, N(0, 1) for each unit. They are those of [train.Runner.Sample].
// A model without a prior is an error; see [FitGaussian] for those.
func Sample(ctx context.Context, r *train.Runner, n int, seed uint64, use func(from int, samples []float32) error) error {
	if c := r.Config(); !c.HasPrior() {
		return fmt.Errorf("tasks: the model %s has no distribution of codes to sample from: fit a Gaussian to codes, or train a vae", c.Name)
	}
	return sample(ctx, r, prior(r.Latent()), n, seed, use)
}

// Sample is what the function [Sample] does with codes drawn from g.
func (g *Gaussian) Sample(ctx context.Context, r *train.Runner, n int, seed uint64, use func(from int, samples []float32) error) error {
	if len(g.mean) != r.Latent() {
		return fmt.Errorf("tasks: a Gaussian of %d numbers, the codes of the model have %d", len(g.mean), r.Latent())
	}
	return sample(ctx, r, g, n, seed, use)
}

func sample(ctx context.Context, r *train.Runner, from drawer, n int, seed uint64, use func(from int, samples []float32) error) error {
	for i := 0; i < n; i += r.Batch() {
		if err := stopped(ctx); err != nil {
			return err
		}
		samples, err := r.Decode(from.draw(i, min(r.Batch(), n-i), seed))
		if err != nil {
			return err
		}
		if err := use(i, samples); err != nil {
			return err
		}
	}
	return nil
}

// prior is N(0, 1) for each of so many units.
type prior int

func (z prior) draw(from, n int, seed uint64) []float32 {
	codes := make([]float32, n*int(z))
	drawNormal(from*int(z), seed, func(i int, v float64) { codes[i] = float32(v) }, len(codes))
	return codes
}

// drawNormal sets elements 0 … n-1 to the normal numbers from … of a seed.
func drawNormal(from int, seed uint64, set func(i int, v float64), n int) {
	noise := kernels.Noise{Dist: kernels.Normal, Seed: seed}
	for block := from / 4; block*4 < from+n; block++ {
		for j, v := range noise.Four(0, uint64(block)) {
			if i := block*4 + j - from; i >= 0 && i < n {
				set(i, v)
			}
		}
	}
}

// A Gaussian is a normal distribution of codes.
type Gaussian struct {
	mean []float64
	root *mat.Dense // [z z], root·rootᵀ is the covariance
	low  []float32  // the range of each unit
	high []float32
}

// FitGaussian returns the normal distribution with the mean and covariance of
// codes [n z], n at least 2, to draw codes from for a model that has no prior. It
// is the simplest of what Ghosh et al., From Variational to Deterministic
// Autoencoders (2020), fit to codes afterwards. Its draws are kept to the range
// that the codes have: units behind a ReLU are never negative.
func FitGaussian(codes []float32, z int) (*Gaussian, error) {
	if z < 1 || len(codes)%z != 0 {
		return nil, fmt.Errorf("tasks: %d numbers, want codes of %d", len(codes), z)
	}
	n := len(codes) / z
	if n < 2 {
		return nil, fmt.Errorf("tasks: a Gaussian wants at least 2 codes, got %d", n)
	}
	s, err := statisticsOf(codes, z)
	if err != nil {
		return nil, err
	}
	var moments metrics.Moments
	if err := moments.Add(codes, z); err != nil {
		return nil, err
	}
	fitted, err := moments.Gaussian()
	if err != nil {
		return nil, err
	}
	g := &Gaussian{mean: fitted.Mean, root: mat.NewDense(z, z, nil), low: s.low, high: s.high}
	// Not Cholesky's root, which fails where units are constant or depend on
	// one another.
	var eigen mat.EigenSym
	if !eigen.Factorize(fitted.Covariance, true) {
		return nil, errors.New("tasks: the covariance of the codes has no eigenvalues")
	}
	eigen.VectorsTo(g.root)
	for j, value := range eigen.Values(nil) {
		for i := range z {
			g.root.Set(i, j, g.root.At(i, j)*math.Sqrt(max(value, 0)))
		}
	}
	return g, nil
}

// Draw returns n codes [n z]. Code i depends on the seed and i alone.
func (g *Gaussian) Draw(n int, seed uint64) []float32 { return g.draw(0, n, seed) }

func (g *Gaussian) draw(from, n int, seed uint64) []float32 {
	z := len(g.mean)
	codes := make([]float32, 0, n*z)
	standard := make([]float64, n*z)
	drawNormal(from*z, seed, func(i int, v float64) { standard[i] = v }, len(standard))
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

// statistics are those of each unit of codes.
type statistics struct {
	mean, deviation []float64
	low, high       []float32
}

// statisticsOf returns the statistics of codes [n z], n at least 1, the deviation
// with n as divisor. A number that is not finite is an error.
func statisticsOf(codes []float32, z int) (statistics, error) {
	n := len(codes) / z
	s := statistics{mean: make([]float64, z), deviation: make([]float64, z)}
	s.low, s.high = append(s.low, codes[:z]...), append(s.high, codes[:z]...)
	for i, v := range codes {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return s, fmt.Errorf("tasks: unit %d of code %d is %v, want finite numbers", i%z, i/z, v)
		}
		unit := i % z
		s.low[unit], s.high[unit] = min(s.low[unit], v), max(s.high[unit], v)
		s.mean[unit] += float64(v) / float64(n)
	}
	for i, v := range codes {
		d := float64(v) - s.mean[i%z]
		s.deviation[i%z] += d * d / float64(n)
	}
	for unit, v := range s.deviation {
		s.deviation[unit] = math.Sqrt(v)
	}
	return s, nil
}
