package tasks

import (
	"context"
	"fmt"

	"hourglass/data"
	"hourglass/models/metrics"
	"hourglass/models/train"
)

// A Projection is a map of samples in the plane.
type Projection struct {
	Points []float32 // [n 2]
	X, Y   string    // what the axes are
	// Trustworthiness tells how far neighbours on the map are neighbours as samples,
	// see metrics.Trustworthiness.
	Trustworthiness float64
	// KNN is the accuracy of a vote of the nearest on the map, see
	// metrics.KNNAccuracy; 0 where there are no labels.
	KNN float64
}

// ProjectOptions decides how maps are judged.
type ProjectOptions struct {
	Neighbours int // of trustworthiness and of the vote; default 10
}

// Project returns a map of the samples of src by the model's codes, and one by
// the samples' own two principal components. A code of two units is a place on
// the map as it is; of one of more, its two principal components are, and one of a
// single unit is drawn along a line. All samples are held in memory, and the time
// that it takes grows with the square of their number: some thousands are enough.
func Project(ctx context.Context, r *train.Runner, src data.Source, o ProjectOptions) (codes, components Projection, err error) {
	if o.Neighbours == 0 {
		o.Neighbours = 10
	}
	info := src.Info()
	if o.Neighbours < 1 || info.N <= 2*o.Neighbours {
		return codes, components, fmt.Errorf("tasks: project: %d samples of %s, want more than %d for %d neighbours", info.N, info.Name, 2*o.Neighbours, o.Neighbours)
	}
	if err := checkSamples(r, src); err != nil {
		return codes, components, err
	}
	var samples, z []float32
	err = Each(ctx, src, r.Batch(), func(_ int, batch []float32) error {
		part, err := r.Encode(batch)
		samples, z = append(samples, batch...), append(z, part...)
		return err
	})
	if err != nil {
		return codes, components, err
	}
	size := r.Shape().Size()
	if codes, err = planeOf(z, r.Latent(), "code"); err != nil {
		return codes, components, err
	}
	if components, err = planeOf(samples, size, "sample"); err != nil {
		return codes, components, err
	}
	for _, p := range []*Projection{&codes, &components} {
		if err := stopped(ctx); err != nil {
			return codes, components, err
		}
		if p.Trustworthiness, err = metrics.Trustworthiness(samples, size, p.Points, 2, o.Neighbours); err != nil {
			return codes, components, err
		}
		if info.Labels == nil {
			continue
		}
		if p.KNN, err = metrics.KNNAccuracy(p.Points, 2, info.Labels, o.Neighbours); err != nil {
			return codes, components, err
		}
	}
	return codes, components, nil
}

// planeOf maps vectors [n dim] to the plane.
func planeOf(x []float32, dim int, what string) (Projection, error) {
	p := Projection{X: what + " unit 0", Y: what + " unit 1"}
	switch dim {
	case 1:
		p.Y = ""
		for _, v := range x {
			p.Points = append(p.Points, v, 0)
		}
		return p, nil
	case 2:
		p.Points = x
		return p, nil
	}
	pca, err := metrics.FitPCA(x, dim, 2)
	if err != nil {
		return p, fmt.Errorf("tasks: project: %w", err)
	}
	p.Points, err = pca.Transform(x)
	share := func(i int) float64 {
		if pca.Total == 0 {
			return 0
		}
		return 100 * pca.Variance[i] / pca.Total
	}
	p.X = fmt.Sprintf("component 1 of the %ss (%.0f%% of the variance)", what, share(0))
	p.Y = fmt.Sprintf("component 2 (%.0f%%)", share(1))
	return p, err
}
