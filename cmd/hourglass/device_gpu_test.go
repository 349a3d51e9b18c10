//go:build gpu

package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"hourglass/kernels/cuda/cudatest"
	"hourglass/kernels/cuda/emulated"
)

// TestTrainOnCUDA trains, resumes and applies a run on the GPU, and the run of
// the GPU on the CPU.
func TestTrainOnCUDA(t *testing.T) {
	cudatest.Load(t)
	dir, data := t.TempDir(), smallData(t, 50, 5)
	run := filepath.Join(dir, "run")
	_, stderr := mustCall(t, small(data, run)...)
	if !strings.Contains(stderr, "; cuda:0 (") || !strings.Contains(stderr, ") in tf32; ") {
		t.Errorf("training tells\n%s\nwant that it is on cuda:0 in tf32", stderr)
	}
	if s, err := openRun(run); err != nil || s.Device != "auto" || s.Precision != "tf32" {
		t.Errorf("the run has device %q and precision %q (%v), want auto and tf32", s.Device, s.Precision, err)
	}
	mustCall(t, "train", "--resume", "--out", run, "--epochs", "3")
	straight := filepath.Join(dir, "straight")
	mustCall(t, small(data, straight, "--epochs", "3")...)
	sameRun(t, run, straight)
	mustCall(t, "eval", run, "--device", "cuda:0")
	mustCall(t, "eval", run, "--device", "cpu")
	wantFailure(t, small(data, filepath.Join(dir, "other"), "--device", "cuda:64"), exitFailure, "--device cuda:64: cuda:64: there is no such device; this machine has")
}

// TestCUDAFails loses the device in the midst of a run: one line, exit status 1,
// and a run that can go on.
func TestCUDAFails(t *testing.T) {
	emulated.Only(t)
	cudatest.Load(t)
	dir, data := t.TempDir(), smallData(t, 50, 5)
	run, straight := filepath.Join(dir, "run"), filepath.Join(dir, "straight")
	mustCall(t, small(data, run)...)
	mustCall(t, small(data, straight, "--epochs", "3")...)
	for _, fail := range []string{"lost:150", "launch:60", "refuse:4", "alloc:3"} {
		t.Setenv("HOURGLASS_EMULATED", "fail="+fail)
		wantFailure(t, []string{"train", "--resume", "--out", run, "--epochs", "3"}, exitFailure, "cuda:0: ")
		t.Setenv("HOURGLASS_EMULATED", "")
	}
	mustCall(t, "train", "--resume", "--out", run, "--epochs", "3")
	sameRun(t, run, straight)
}

// TestCUDABatchTooLarge: a step that does not fit is refused before training.
func TestCUDABatchTooLarge(t *testing.T) {
	emulated.Only(t)
	cudatest.Load(t)
	data := smallData(t, 500, 5)
	t.Setenv("HOURGLASS_EMULATED", "memory=400000")
	wantNothingWritten(t, func() {
		wantFailure(t, small(data, filepath.Join(t.TempDir(), "run"), "--batch", "400"), exitFailure,
			"a step of a batch of 400", "MiB of memory, cuda:0 has", "the largest batch that fits is ")
	})
}

func TestInfoListsGPUs(t *testing.T) {
	emulated.Only(t)
	cudatest.Load(t)
	t.Setenv("HOURGLASS_EMULATED", "devices=2 capability=61")
	out, _ := mustCall(t, "info", "--json")
	var got info
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.GPUs) != 2 || got.GPUs[1].Capability != 61 || got.GPUs[1].Memory != 4<<30 || got.Driver != "12.4" || !strings.Contains(got.Devices["cuda:1"], "at least 7.5") {
		t.Errorf("got %+v", got)
	}
	text, _ := mustCall(t, "info")
	if !strings.Contains(text, "Emulated device, 4.0 GiB, compute capability 6.1") {
		t.Errorf("info prints\n%s", text)
	}
}
