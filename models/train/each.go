package train

import (
	"fmt"
	"slices"

	"hourglass/graph"
)

// Weights returns a copy of the model's variables, as the runner applies them.
func (r *Runner) Weights() ([]graph.Array, error) {
	return graph.Arrays(r.vars.Weights())
}

// EvaluateEach returns the metric of that name, one of [models.Net]'s, for each of
// images [n H W C]. They go through the model one by one, which takes longer than
// in batches, and all meet the same random numbers, where a metric draws some.
func (r *Runner) EvaluateEach(name string, images []float32) ([]float64, error) {
	size := r.shape.Size()
	if len(images)%size != 0 {
		return nil, fmt.Errorf("train: input of %d numbers, want a multiple of %d for %v", len(images), size, r.shape)
	}
	values := make([]float64, 0, len(images)/size)
	for ; len(images) > 0; images = images[size:] {
		p, err := r.run(toMetrics, images[:size], nil, 1, 0)
		if err != nil {
			return nil, err
		}
		at := slices.Index(p.names, name)
		if at < 0 {
			return nil, fmt.Errorf("train: the model %s has no metric %s, it has %v", r.model.Config().Name, name, p.names)
		}
		v, err := p.program.Scalar(p.out[at])
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, nil
}
