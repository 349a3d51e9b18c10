package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"hourglass/kernels/cuda/driver"
)

// TestNoGPU trains where the driver is switched off, or not built in: on the
// CPU, with the reason, and not at all where a GPU was asked for.
func TestNoGPU(t *testing.T) {
	t.Setenv(driver.EnvLibrary, "off")
	reason := "this binary was built without CUDA: make gpu"
	if driver.Built {
		reason = "the driver is switched off by " + driver.EnvLibrary + "=off"
	}
	dir, data := t.TempDir(), smallData(t, 50, 5)
	run := filepath.Join(dir, "run")
	_, stderr := mustCall(t, small(data, run)...)
	if want := "note: training on the CPU, as there is no GPU to use: cuda: " + reason + "\n"; !strings.Contains(stderr, want) {
		t.Errorf("training tells\n%swant in it\n%s", stderr, want)
	}
	if s, err := openRun(run); err != nil || s.Device != "auto" || s.Precision != "f32" {
		t.Errorf("the run has device %q and precision %q (%v), want auto and f32", s.Device, s.Precision, err)
	}
	for _, device := range []string{"cuda", "cuda:1"} {
		wantFailure(t, small(data, filepath.Join(dir, "other"), "--device", device), exitFailure, "--device "+device+": cuda: "+reason, "--device cpu")
	}
	_, stderr = mustCall(t, small(data, filepath.Join(dir, "cpu"), "--device", "cpu", "--precision", "tf32")...)
	if strings.Contains(stderr, "no GPU") || !strings.Contains(stderr, "note: the CPU has no tf32") {
		t.Errorf("training on the CPU in tf32 tells\n%s", stderr)
	}
}

// TestInfoTellsOfGPUs wants the reason where there are none.
func TestInfoTellsOfGPUs(t *testing.T) {
	t.Setenv(driver.EnvLibrary, "off")
	out, _ := mustCall(t, "info", "--json")
	var got info
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if got.Devices["cpu"] != "ready" || got.Devices["cuda"] == "" || len(got.GPUs) != 0 || got.Driver != "" {
		t.Errorf("without a driver info tells %+v", got)
	}
}
