package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestBenchPrintsJSON measures as little as possible, through processes of this
// program.
func TestBenchPrintsJSON(t *testing.T) {
	t.Setenv(mainEnv, "1")
	out, progress := mustCall(t, "bench", "encode-1", "--json", "--windows", "1", "--threads", "1")
	var results []map[string]any
	if err := json.Unmarshal([]byte(out), &results); err != nil || len(results) != 1 {
		t.Fatalf("output %q (%v), want an array of one", out, err)
	}
	r := results[0]
	for key, want := range map[string]any{"workload": "encode-1", "device": "cpu", "precision": "float32", "threads": 1.0} {
		if r[key] != want {
			t.Errorf("%s is %v, want %v", key, r[key], want)
		}
	}
	for _, key := range []string{"ms_best", "ms_median", "images_per_second", "gflops", "peak_gflops", "peak_share"} {
		if v, ok := r[key].(float64); !ok || !(v > 0) {
			t.Errorf("%s is %v, want a number above 0", key, r[key])
		}
	}
	if v, ok := r["peak_memory_mb"].(float64); !ok || v < 0 {
		t.Errorf("peak_memory_mb is %v, want a number", r["peak_memory_mb"])
	}
	if !strings.HasPrefix(progress, "encode-1: ") {
		t.Errorf("stderr is %q, want what is measured", progress)
	}
}

func TestBenchPrintsATable(t *testing.T) {
	t.Setenv(mainEnv, "1")
	out, _ := mustCall(t, "bench", "encode-1", "--windows", "1")
	if lines := strings.Split(strings.TrimSpace(out), "\n"); len(lines) != 3 || !strings.HasPrefix(lines[2], "| encode-1 ") {
		t.Errorf("output %q, want a table of one row", out)
	}
}

func TestBenchAskedWrongly(t *testing.T) {
	for line, piece := range map[string]string{
		"bench dnse":                      `there is no workload "dnse"; want seed-conv, dense, vae64, deep-conv, encode, encode-1, first-step; did you mean dense?`,
		"bench dense --threads -1":        "--threads is -1",
		"bench dense --windows -1":        "--windows is -1",
		"bench --quick --windows 3":       "--quick and --windows",
		"bench --results out":             "--results wants --peers",
		"bench --json --peers .venv":      "--json and --peers",
		"bench serve-workload dense":      "a workload and a number of threads",
		"bench serve-workload dense many": `"many"`,
	} {
		wantNothingWritten(t, func() { wantFailure(t, strings.Fields(line), exitUsage, piece) })
	}
	wantNothingWritten(t, func() {
		wantFailure(t, []string{"bench", "dense", "--peers", "nowhere"}, exitFailure, "nowhere is not the folder of a virtual environment")
	})
}
