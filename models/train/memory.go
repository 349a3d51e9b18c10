package train

import (
	"errors"
	"fmt"
	"sort"

	"hourglass/graph"
)

// A BatchError refuses a batch whose step does not fit into the memory of the
// device.
type BatchError struct {
	Batch   int
	Largest int // that fits; 0 if not even one image does
	Memory  *graph.MemoryError
}

// Error names the figures and the way out.
func (e *BatchError) Error() string {
	way := fmt.Sprintf("the largest batch that fits is %d", e.Largest)
	if e.Largest == 0 {
		way = "not even a batch of 1 fits"
	}
	return fmt.Sprintf("train: a step of a batch of %d: %v; %s", e.Batch, e.Memory, way)
}

// Unwrap returns the reason.
func (e *BatchError) Unwrap() error { return e.Memory }

// tooLarge returns an error of compiling for n images, with the largest batch
// that would do if memory is what lacks.
func (t *Trainer) tooLarge(n int, err error) error {
	var memory *graph.MemoryError
	if !errors.As(err, &memory) {
		return err
	}
	var failed error
	largest := sort.Search(n-1, func(i int) bool {
		p, b, o, err := t.build(i + 1)
		if err != nil {
			failed = err
			return true
		}
		need, err := graph.Footprint(b.Graph(), t.dev, o, p.loss)
		if err != nil {
			failed = err
		}
		return err != nil || need > memory.Free
	})
	if failed != nil {
		return err
	}
	return &BatchError{n, largest, memory}
}
