package tasks

import (
	"hourglass/graph"
	"hourglass/kernels"
	"hourglass/models"
	"hourglass/models/train"
)

// A Corruption makes samples worse, a batch at a time.
type Corruption struct {
	dev   kernels.Device
	shape kernels.Shape
	how   string
	seed  uint64

	n        int // of the program
	program  *graph.Program
	in, step *graph.Node
	bad      *graph.Node
	missing  *graph.Node // nil for a corruption without mask
}

// NewCorruption returns a corruption of the samples of a model, how being written
// as [models.Config]'s Denoise: "gaussian:0.3", "square:8".
func NewCorruption(r *train.Runner, how string, seed uint64) (*Corruption, error) {
	c := &Corruption{dev: r.Device(), shape: r.Shape(), how: how, seed: seed}
	return c, c.compile(1)
}

// Masks reports whether the corruption tells which values are missing.
func (c *Corruption) Masks() bool { return c.missing != nil }

// Apply returns samples [n H W C] made worse, and of a corruption that masks, 1
// where a value is missing, else 0. The same samples under the same number, that
// of their batch, are always made worse alike.
func (c *Corruption) Apply(samples []float32, number int) (corrupted, missing []float32, err error) {
	if err := c.compile(len(samples) / c.shape.Size()); err != nil {
		return nil, nil, err
	}
	if err := c.program.FeedFloats(c.in, samples); err != nil {
		return nil, nil, err
	}
	if err := c.program.FeedInts(c.step, []int32{int32(number)}); err != nil {
		return nil, nil, err
	}
	if err := c.program.Compute(); err != nil {
		return nil, nil, err
	}
	corrupted = make([]float32, len(samples))
	if err := c.program.FetchInto(corrupted, c.bad); err != nil || c.missing == nil {
		return corrupted, nil, err
	}
	missing = make([]float32, len(samples))
	return corrupted, missing, c.program.FetchInto(missing, c.missing)
}

// compile makes the program for n samples, if it is not there.
func (c *Corruption) compile(n int) error {
	if c.n == n {
		return nil
	}
	b := graph.NewBuilder()
	c.in = b.Input("input", append([]int{n}, c.shape...)...)
	c.step = b.InputOf(kernels.Int32, "step", 1)
	c.bad, c.missing = models.Corrupt(b, c.how, c.in, models.Phase{Step: c.step, Seed: c.seed})
	if b.Err() != nil {
		return b.Err()
	}
	// The counter is an output too, so that it can be fed where nothing is drawn.
	outs := []*graph.Node{c.step, c.bad}
	if c.missing != nil {
		outs = append(outs, c.missing)
	}
	var err error
	c.program, err = graph.Compile(b.Graph(), c.dev, outs...)
	c.n = n
	return err
}
