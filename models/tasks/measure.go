package tasks

import (
	"context"
	"fmt"

	"hourglass/data"
	"hourglass/models/metrics"
	"hourglass/models/train"
)

// MeasureOptions chooses what Evaluate measures beside the model's own metrics.
type MeasureOptions struct {
	// Frechet measures Fréchet distances; see Evaluate.
	Frechet bool
	// Components is the number of principal components that those are taken in;
	// default 64, or as many as a sample has elements.
	Components int
	// Seed of the samples whose distance is measured.
	Seed uint64
}

// Evaluate returns the model's own metrics over the samples of src, see
// models.Net, and
//
//	ssim          structural similarity of reconstructions and samples, mean over
//	              them, where these are at least 11×11
//	active_units  units of a variational model's code that vary with the sample,
//	              see metrics.ActiveUnits
//
// With Frechet also the Fréchet distances of reconstructions, and of as many
// images drawn from a model with a prior, from the samples of src:
//
//	fd_pca64_reconstructions, fd_pca64_samples
//
// between Gaussians fitted to their coordinates along the first 64 principal
// components of those samples. The space is linear: it sees blur and wrong
// colours, but no wrong shapes, and its numbers compare with others of the same
// samples alone, not with a Fréchet inception distance. For them all samples are
// held in memory.
func Evaluate(ctx context.Context, r *train.Runner, src data.Source, o MeasureOptions) ([]train.Value, error) {
	values, err := r.Evaluate(ctx, src)
	if err != nil {
		return nil, err
	}
	m := NewMeasure(r.Shape())
	var samples []float32
	err = Reconstruct(ctx, r, src, func(_ int, x, copies []float32) error {
		if o.Frechet {
			samples = append(samples, x...)
		}
		return m.Add(copies, x)
	})
	if err != nil {
		return nil, err
	}
	if q := m.Quality(); q.SSIM != nil {
		values = append(values, train.Value{Name: "ssim", Value: *q.SSIM})
	}
	if r.Config().HasLikelihood() {
		codes, err := Codes(ctx, r, src)
		if err != nil {
			return nil, err
		}
		active, err := metrics.ActiveUnits(codes, r.Latent())
		if err != nil {
			return nil, err
		}
		values = append(values, train.Value{Name: "active_units", Value: float64(active)})
	}
	if !o.Frechet {
		return values, nil
	}
	distances, err := frechet(ctx, r, src, samples, o)
	return append(values, distances...), err
}

// frechet returns the distances of reconstructions and of drawn images from
// samples [n H W C].
func frechet(ctx context.Context, r *train.Runner, src data.Source, samples []float32, o MeasureOptions) ([]train.Value, error) {
	size := r.Shape().Size()
	k := o.Components
	if k == 0 {
		k = min(64, size)
	}
	pca, err := metrics.FitPCA(samples, size, k)
	if err != nil {
		return nil, fmt.Errorf("tasks: fréchet distance: %w", err)
	}
	real := features{pca: pca}
	if err := real.add(samples); err != nil {
		return nil, err
	}
	copies, drawn := features{pca: pca}, features{pca: pca}
	err = Reconstruct(ctx, r, src, func(_ int, _, part []float32) error { return copies.add(part) })
	if err != nil {
		return nil, err
	}
	d, err := real.distance(copies)
	values := []train.Value{{Name: fmt.Sprintf("fd_pca%d_reconstructions", k), Value: d}}
	if err != nil || !r.Config().HasPrior() {
		return values, err
	}
	err = Sample(ctx, r, src.Info().N, o.Seed, func(_ int, part []float32) error { return drawn.add(part) })
	if err != nil {
		return nil, err
	}
	d, err = real.distance(drawn)
	return append(values, train.Value{Name: fmt.Sprintf("fd_pca%d_samples", k), Value: d}), err
}

// features is the distribution of images along principal components.
type features struct {
	pca     *metrics.PCA
	moments metrics.Moments
}

func (f *features) add(images []float32) error {
	k, _ := f.pca.Components.Dims()
	along, err := f.pca.Transform(images)
	if err != nil {
		return err
	}
	return f.moments.Add(along, k)
}

// distance returns the Fréchet distance of the Gaussians fitted to both.
func (f *features) distance(g features) (float64, error) {
	a, err := f.moments.Gaussian()
	if err != nil {
		return 0, err
	}
	b, err := g.moments.Gaussian()
	if err != nil {
		return 0, err
	}
	return metrics.FrechetDistance(a, b)
}
