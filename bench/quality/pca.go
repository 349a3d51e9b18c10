package main

import (
	"fmt"

	"gonum.org/v1/gonum/mat"

	"hourglass/models/metrics"
)

// mostComponents is the largest number of components that a row asks for.
const mostComponents = 64

// principal is PCA of a row's training images.
type principal struct{ of *metrics.PCA }

// principal returns PCA of the images that the row is trained on, with k
// components. Rows of the same images share the work.
func (e *experiment) principal(k int) (*principal, error) {
	key := fmt.Sprint(e.settings.Data, e.settings.Train.Limit)
	all, ok := e.pcas[key]
	if !ok {
		training := e.train
		if n := e.settings.Train.Limit; n > 0 {
			var err error
			if training, err = training.Limit(n); err != nil {
				return nil, err
			}
		}
		images, err := everything(training)
		if err != nil {
			return nil, err
		}
		var moments metrics.Moments
		if err := moments.Add(images, training.SampleSize()); err != nil {
			return nil, err
		}
		pca, err := moments.PCA(min(mostComponents, training.SampleSize()))
		if err != nil {
			return nil, err
		}
		all = &principal{pca}
		e.pcas[key] = all
	}
	most, dim := all.of.Components.Dims()
	if k > most {
		return nil, fmt.Errorf("PCA of %d components, want at most %d", k, most)
	}
	first := *all.of
	first.Components = mat.DenseCopyOf(all.of.Components.Slice(0, k, 0, dim))
	first.Variance = all.of.Variance[:k]
	return &principal{&first}, nil
}

func (p *principal) name() string {
	k, _ := p.of.Components.Dims()
	return fmt.Sprintf("PCA-%d", k)
}

// project returns images on the subspace, cut to [0, 1].
func (p *principal) project(images []float32) ([]float32, error) {
	y, err := p.of.Transform(images)
	if err != nil {
		return nil, err
	}
	copies, err := p.of.Inverse(y)
	for i, v := range copies {
		copies[i] = min(max(v, 0), 1)
	}
	return copies, err
}

// error returns the mean squared error of the test images on the subspace, not
// cut.
func (p *principal) error(e *experiment) (float64, error) {
	images, err := everything(e.test)
	if err != nil {
		return 0, err
	}
	y, err := p.of.Transform(images)
	if err != nil {
		return 0, err
	}
	copies, err := p.of.Inverse(y)
	if err != nil {
		return 0, err
	}
	return metrics.SquaredError(copies, images)
}

// angle returns the largest angle between the subspace and what a linear decoder
// spans, in radians.
func (p *principal) angle(e *experiment) (float64, error) {
	for _, w := range e.weights {
		if w.Name != "decoder.0.weight" {
			continue
		}
		rows := mat.NewDense(w.Shape[0], w.Shape[1], nil)
		for i, v := range w.Data {
			rows.Set(i/w.Shape[1], i%w.Shape[1], float64(v))
		}
		angles, err := metrics.PrincipalAngles(rows, p.of.Components)
		if err != nil {
			return 0, err
		}
		return angles[0], nil
	}
	return 0, fmt.Errorf("a linear model without decoder.0.weight")
}
