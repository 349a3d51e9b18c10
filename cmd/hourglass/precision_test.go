package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hourglass/kernels/cpu"
	"hourglass/models/train"
)

// TestPrecision: a run keeps the precision that it was started with.
func TestPrecision(t *testing.T) {
	dir, data := t.TempDir(), smallData(t, 50, 5)
	wide, straight, run := filepath.Join(dir, "wide"), filepath.Join(dir, "straight"), filepath.Join(dir, "run")
	mustCall(t, small(data, wide, "--epochs", "3")...)
	mustCall(t, small(data, straight, "--precision", "bf16", "--epochs", "3")...)
	_, stderr := mustCall(t, small(data, run, "--precision", "bf16")...)
	if noted := strings.Contains(stderr, "bf16 is emulated"); noted == cpu.HasBF16() {
		t.Errorf("HasBF16 is %t, but training says\n%s", cpu.HasBF16(), stderr)
	}
	if s, err := openRun(run); err != nil || s.Precision != "bf16" {
		t.Errorf("%s: precision %q, error %v, want bf16", configName, s.Precision, err)
	}
	wantFailure(t, []string{"train", "--resume", "--out", run, "--precision", "f32", "--epochs", "3"}, exitUsage,
		"--precision is f32, but the run", "was started with bf16")
	mustCall(t, "train", "--resume", "--out", run, "--epochs", "3", "--threads", "1")
	sameRun(t, run, straight)
	if cmp.Equal(weightsOf(t, filepath.Join(wide, train.BestName)), weightsOf(t, filepath.Join(run, train.BestName))) {
		t.Error("bf16 made the weights of f32")
	}
	mustCall(t, "eval", run)
}

// TestRunWithoutPrecision: runs from before there was a choice go on in float32.
func TestRunWithoutPrecision(t *testing.T) {
	dir, data := t.TempDir(), smallData(t, 50, 5)
	straight, run := filepath.Join(dir, "straight"), filepath.Join(dir, "run")
	mustCall(t, small(data, straight, "--epochs", "3")...)
	mustCall(t, small(data, run)...)
	path := filepath.Join(run, configName)
	old := strings.Replace(readFile(t, path), "precision = \"f32\"\n", "", 1)
	if strings.Contains(old, "precision") {
		t.Fatalf("%s:\n%s", configName, old)
	}
	writeFile(t, path, []byte(old))
	mustCall(t, "train", "--resume", "--out", run, "--epochs", "3")
	sameRun(t, run, straight)
}

// TestRunWithoutAnOption: commands take runs from before a model had some option,
// which have its default.
func TestRunWithoutAnOption(t *testing.T) {
	data := smallData(t, 50, 5)
	run := trained(t, data, "--model", "iwae", "--hidden", "4", "--latent", "2", "--samples", "2")
	path := filepath.Join(run, configName)
	const option = "  gradient = \"reparameterized\"\n"
	old := strings.Replace(readFile(t, path), option, "", 1)
	if strings.Contains(old, "gradient =") || old == readFile(t, path) {
		t.Fatalf("%s:\n%s", configName, old)
	}
	writeFile(t, path, []byte(old))
	mustCall(t, "eval", run)
	mustCall(t, "sample", run, "--out", filepath.Join(run, "samples.png"))
	mustCall(t, "train", "--resume", "--out", run, "--epochs", "2")
	writeFile(t, path, []byte(strings.Replace(old, "  samples = 2\n", "  samples = 0\n", 1)))
	wantFailure(t, []string{"eval", run}, exitFailure, configName, "samples 0: want 1 to")
}

func TestWrongPrecision(t *testing.T) {
	for line, piece := range map[string]string{
		"train --precision f16":                        `precision "f16": want f32, tf32 or bf16`,
		"bench --precision half":                       `precision "half": want f32, tf32 or bf16`,
		"bench --precision tf32":                       "the CPU has none",
		"bench --device auto":                          "want cpu, cuda or cuda:N",
		"bench --precision bf16 --peers .venv":         "--precision bf16 and --peers",
		"bench serve-workload dense 1 --precision f64": `precision "f64": want f32, tf32 or bf16`,
	} {
		wantNothingWritten(t, func() { wantFailure(t, strings.Fields(line), exitUsage, piece) })
	}
}

// TestBenchInBF16: the processes that measure compute in the precision that was
// asked for.
func TestBenchInBF16(t *testing.T) {
	t.Setenv(mainEnv, "1")
	out, _ := mustCall(t, "bench", "encode-1", "--json", "--windows", "1", "--precision", "bf16")
	var results []map[string]any
	if err := json.Unmarshal([]byte(out), &results); err != nil || len(results) != 1 || results[0]["precision"] != "bf16" {
		t.Errorf("output %q (%v), want a result in bf16", out, err)
	}
}

func TestInfoTellsBF16(t *testing.T) {
	want := map[bool]string{true: "native", false: "emulated"}[cpu.HasBF16()]
	out, _ := mustCall(t, "info", "--json")
	var got info
	if err := json.Unmarshal([]byte(out), &got); err != nil || got.BF16 != want {
		t.Errorf("bf16 is %q (%v), want %q", got.BF16, err, want)
	}
}
