//go:build gpu

package train

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"hourglass/data"
	"hourglass/kernels"
	"hourglass/kernels/cuda"
	"hourglass/kernels/cuda/cudatest"
	"hourglass/kernels/cuda/emulated"
	"hourglass/models"
)

// cudaModels are models as users train them, but for the batch and a thinner vae.
var cudaModels = map[string]models.Config{
	"conv": {Name: "conv", Latent: 2, Image: [3]int{28, 28, 1}},
	"vae":  {Name: "vae", Hidden: []int{64}, Latent: 20, Beta: 1, Image: [3]int{28, 28, 1}},
}

const cudaSteps = 50

// losses trains a model of cudaModels on some digits and returns each step's
// loss.
func losses(t *testing.T, name string, dev kernels.Device) []float64 {
	t.Helper()
	m, err := models.New(cudaModels[name])
	if err != nil {
		t.Fatal(err)
	}
	const batch, batches = 4, 10
	all, err := data.OpenLazy("builtin", data.Train)
	if err != nil {
		t.Fatal(err)
	}
	set, err := data.Limit(all, batch*batches)
	if err != nil {
		t.Fatal(err)
	}
	tr, err := New(m, dev, set, nil, Config{Epochs: cudaSteps / batches, Batch: batch, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	var found []float64
	if err := tr.Run(context.Background(), RunOptions{OnStep: func(s Step) { found = append(found, s.Loss) }}); err != nil {
		t.Fatal(err)
	}
	return found
}

// TestCUDATrainsLikeTheCPU holds fifty losses to those of the CPU. The bounds
// are for what rounding makes of them in so many steps.
func TestCUDATrainsLikeTheCPU(t *testing.T) {
	for name := range cudaModels {
		want := losses(t, name, device(t, 1))
		for p, bound := range map[cuda.Precision]float64{cuda.Float32: 1e-4, cuda.TF32: 1e-2, cuda.BF16: 5e-2} {
			t.Run(name+" in "+p.String(), func(t *testing.T) {
				got := losses(t, name, cudatest.Open(t, cuda.Options{Precision: p}))
				if len(got) != cudaSteps || got[cudaSteps-1] > 0.9*got[0] {
					t.Fatalf("%d losses from %v to %v", len(got), got[0], got[len(got)-1])
				}
				worst := 0.0
				for i := range want {
					worst = max(worst, math.Abs(got[i]-want[i])/want[i])
				}
				if !(worst <= bound) {
					t.Errorf("losses differ by up to %.1e from the CPU's, want at most %.1e", worst, bound)
				}
				t.Logf("losses differ by up to %.1e", worst)
			})
		}
	}
}

// TestCUDAFailsWithTheCheckpointIntact lets the device fail in each way in the
// midst of a run, which then goes on from its checkpoint to the same weights.
func TestCUDAFailsWithTheCheckpointIntact(t *testing.T) {
	emulated.Only(t)
	cfg := Config{Epochs: 4, Batch: 8, Seed: 5}
	open := func(t *testing.T) *Trainer {
		tr, err := New(smallModel(t, "dense"), cudatest.Open(t, cuda.Options{}), blobs(36), nil, cfg)
		if err != nil {
			t.Fatal(err)
		}
		return tr
	}
	straight := open(t)
	mustRun(t, straight, RunOptions{})
	want := stateOf(t, straight)
	straight.dev.Close() // or the device would go on to fail, as all share it
	for fail, text := range map[string]string{
		"launch:30": "emulated: a launch failed", "refuse:5": "too many resources requested for launch",
		"copy:1": "emulated: a copy failed", "copy:15": "emulated: a copy failed", "lost:50": "emulated: the device was lost",
	} {
		t.Run(fail, func(t *testing.T) {
			folder := t.TempDir()
			tr := open(t)
			err := tr.Run(context.Background(), RunOptions{Folder: folder, OnEpoch: func(e Epoch) error {
				if e.Epoch == 2 {
					t.Setenv("HOURGLASS_EMULATED", "fail="+fail)
				}
				return nil
			}})
			if err == nil || !strings.Contains(err.Error(), text) || !strings.Contains(err.Error(), "cuda:0: ") || strings.Contains(err.Error(), "\n") {
				t.Fatalf("the run ended with %v, want %q in it", err, text)
			}
			t.Setenv("HOURGLASS_EMULATED", "")
			tr.dev.Close()
			again := open(t)
			if r, err := again.Resume(folder); err != nil || r.Damaged != nil {
				t.Fatalf("resumed to %+v, %v", r, err)
			}
			defer again.dev.Close()
			mustRun(t, again, RunOptions{Folder: folder})
			checkSame(t, "after the failure", stateOf(t, again), want)
		})
	}
}

// TestCUDAStepIsOneGraph counts what the driver is asked for in an epoch of
// some steps and in one of more: each step more is a copy of its indices and the
// launch of a graph, and nothing that waits for the device.
func TestCUDAStepIsOneGraph(t *testing.T) {
	const few, more = 6, 22
	epoch := func(steps int) map[string]int {
		tr, err := New(smallModel(t, "dense"), cudatest.Open(t, cuda.Options{}), blobs(8*steps), nil, Config{Epochs: 4, Batch: 8, Seed: 5})
		if err != nil {
			t.Fatal(err)
		}
		defer tr.dev.Close()
		calls := map[int]map[string]int{}
		mustRun(t, tr, RunOptions{OnEpoch: func(e Epoch) error {
			tr.ahead.size, tr.ahead.pause = mostAhead, time.Hour
			calls[e.Epoch] = emulated.Calls(t)
			return nil
		}})
		for name, n := range calls[3] {
			calls[4][name] -= n
		}
		return calls[4]
	}
	short, long := epoch(few), epoch(more)
	want := map[string]int{"cuGraphLaunch": 1, "cuMemcpyHtoDAsync_v2": 1, "cuCtxSetCurrent": 2}
	for name := range long {
		if got := long[name] - short[name]; got != want[name]*(more-few) {
			t.Errorf("%s: %d calls for %d steps, want %d", name, got, more-few, want[name]*(more-few))
		}
	}
	if long["cuGraphLaunch"] == 0 {
		t.Errorf("an epoch asks for %v, not for a graph", long)
	}
}
