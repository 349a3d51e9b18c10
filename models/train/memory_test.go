package train

import (
	"errors"
	"strings"
	"testing"

	"hourglass/graph"
	"hourglass/kernels"
)

// tight is a device with little memory left.
type tight struct {
	kernels.Device
	left int64
}

func (d tight) Free() (int64, error) { return d.left, nil }

// TestBatchThatDoesNotFit wants the largest batch that does, which one with
// just that memory then takes.
func TestBatchThatDoesNotFit(t *testing.T) {
	m, set := smallModel(t, "conv"), blobs(60)
	for _, left := range []int64{50 << 10, 150 << 10} {
		_, err := New(m, tight{device(t, 1), left}, set, nil, Config{Batch: set.N})
		var refused *BatchError
		if !errors.As(err, &refused) || refused.Batch != set.N || refused.Memory.Free != left || refused.Memory.Need <= left {
			t.Fatalf("with %d bytes a batch of %d gives %v", left, set.N, err)
		}
		if !errors.As(err, new(*graph.MemoryError)) || !strings.Contains(err.Error(), "the largest batch that fits is") {
			t.Errorf("the error is %q", err)
		}
		for batch, ok := range map[int]bool{refused.Largest: true, refused.Largest + 1: false} {
			if _, err := New(m, tight{device(t, 1), left}, set, nil, Config{Batch: batch}); (err == nil) != ok {
				t.Errorf("with %d bytes a batch of %d gives %v", left, batch, err)
			}
		}
	}
	_, err := New(m, tight{device(t, 1), 1}, set, nil, Config{Batch: 10})
	if err == nil || !strings.HasSuffix(err.Error(), "not even a batch of 1 fits") {
		t.Errorf("with one byte left: %v", err)
	}
}
