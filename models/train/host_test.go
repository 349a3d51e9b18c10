package train

import (
	"testing"

	"hourglass/graph"
	"hourglass/kernels"
	"hourglass/kernels/cpu"
)

// ownMemory is a device that is asked for what it has left, and never used.
type ownMemory struct{ kernels.Device }

func (ownMemory) Free() (int64, error) { return 0, nil }

// TestCheckHost refuses weights that would not leave the machine a quarter of
// its memory.
func TestCheckHost(t *testing.T) {
	dev, err := cpu.New(cpu.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	const weights, rows = 3 << 25, 4 // 3 GiB
	params := []*graph.Param{{Shape: kernels.Shape{weights / 2}}, {Shape: kernels.Shape{2, weights / 4}, Fixed: true}}
	if err := checkHost(dev, params, rows, 4<<30); err != nil {
		t.Errorf("3 GiB of 4: %v", err)
	}
	err = checkHost(dev, params, rows, 4<<30-4)
	want := "train: 100663296 weights take about 3.0 GiB with gradients, the optimizer's state and the best weights for the test, this machine has 4.0 GiB: " +
		"want fewer, by a smaller latent, narrower layers or smaller images"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if err := checkHost(dev, params, rows, 0); err != nil {
		t.Errorf("memory that is not known: %v", err)
	}
	if err := checkHost(ownMemory{}, params, rows, 1<<30); err != nil {
		t.Errorf("a device with memory of its own: %v", err)
	}
}
