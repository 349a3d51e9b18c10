package main

import (
	"encoding/json"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestApply puts each model to work in every way there is.
func TestApply(t *testing.T) {
	data := smallData(t, 50, 20)
	for _, c := range []struct {
		name    string
		args    []string
		metrics []string
		sample  []string
	}{
		{"dense", nil, []string{"mse", "mae", "psnr", "bce"}, []string{"--data", data}},
		{"conv", []string{"--model", "conv", "--hidden", ""}, []string{"mse", "mae", "psnr", "bce"}, []string{"--data", data, "--split", "train"}},
		{"vae", []string{"--model", "vae"}, []string{"mse", "mae", "psnr", "bce", "kl", "elbo", "active_units"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			run := filepath.Join(dir, "run")
			args := small(data, run, c.args...)
			if c.name == "conv" {
				args = []string{"train", "--data", data, "--epochs", "1", "--out", run}
			}
			mustCall(t, args...)
			checkEval(t, run, c.metrics)
			checkReconstruct(t, run, dir)
			checkSample(t, run, dir, c.sample)
			if plan, _ := mustCall(t, "plan", run); !strings.Contains(plan, "[8 8 1]") && !strings.Contains(plan, " 8 8 1]") || !strings.Contains(plan, "adam") {
				t.Errorf("the plan:\n%s", plan)
			}
		})
	}
}

func checkEval(t *testing.T, run string, names []string) {
	t.Helper()
	stdout, stderr := mustCall(t, "eval", run, "--json")
	var metrics map[string]float64
	if err := json.Unmarshal([]byte(stdout), &metrics); err != nil || stderr != "" {
		t.Fatalf("eval --json: %q, %v, %s", stdout, err, stderr)
	}
	table, _ := mustCall(t, "eval", run)
	for _, name := range names {
		v, ok := metrics[name]
		if !ok || !strings.Contains(table, name) || !strings.Contains(table, fmt.Sprintf("%.6g", v)) {
			t.Errorf("metric %s: %v in JSON, and the table is\n%s", name, v, table)
		}
	}
	if len(metrics) != len(names) || !(metrics["mse"] > 0 && metrics["mse"] < 1) {
		t.Errorf("metrics %v, want %v", metrics, names)
	}
	part, _ := mustCall(t, "eval", run, "--json", "--split", "train", "--limit", "7", "--threads", "1")
	if part == stdout {
		t.Error("seven training images measure as all test images do")
	}
}

func checkReconstruct(t *testing.T, run, dir string) {
	t.Helper()
	array, picture, folder := filepath.Join(dir, "r.npy"), filepath.Join(dir, "r.png"), filepath.Join(dir, "r")
	for _, out := range []string{array, picture, folder} {
		mustCall(t, "reconstruct", run, "--out", out)
	}
	if content := readFile(t, array); !strings.Contains(content[:128], "(20, 8, 8, 1)") || len(content) != 128+4*20*64 {
		t.Errorf("%s has %d bytes and begins with %q", array, len(content), content[:128])
	}
	checkPNG(t, picture, 0)
	files, err := os.ReadDir(folder)
	if err != nil || len(files) != 20 || files[0].Name() != "00.png" || files[19].Name() != "19.png" {
		t.Fatalf("folder of reconstructions: %v, %v", files, err)
	}
	checkPNG(t, filepath.Join(folder, "19.png"), 8)
	wantFailure(t, []string{"reconstruct", run, "--out", folder}, exitUsage, "not empty")
}

// checkPNG decodes a picture, side pixels wide if that is not 0 (and a border of
// the grid's).
func checkPNG(t *testing.T, path string, side int) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	im, err := png.Decode(f)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if size := im.Bounds().Size(); side > 0 && (size.X != side || size.Y != side) {
		t.Errorf("%s is %v, want %d×%d", path, size, side, side)
	}
}

func checkSample(t *testing.T, run, dir string, more []string) {
	t.Helper()
	var contents []string
	for i, seed := range []string{"1", "1", "2"} {
		out := filepath.Join(dir, fmt.Sprintf("s%d.npy", i))
		mustCall(t, append([]string{"sample", run, "--n", "6", "--seed", seed, "--out", out}, more...)...)
		contents = append(contents, readFile(t, out))
	}
	if contents[0] != contents[1] || contents[0] == contents[2] || len(contents[0]) != 128+4*6*64 {
		t.Error("samples: want one seed to give the same, another other ones")
	}
	out := filepath.Join(dir, "s.png")
	mustCall(t, append([]string{"sample", run, "--out", out}, more...)...)
	checkPNG(t, out, 0)
	if more == nil {
		wantFailure(t, []string{"sample", run, "--data", "builtin"}, exitUsage, "prior", "--data")
	}
}

// TestInfo reads the JSON back, and finds the same in the table.
func TestInfo(t *testing.T) {
	stdout, _ := mustCall(t, "info", "--json")
	var in info
	if err := json.Unmarshal([]byte(stdout), &in); err != nil {
		t.Fatal(err)
	}
	if in.CPU == "" || in.Kernels == "" || in.Threads < 1 || in.Devices["cpu"] != "ready" {
		t.Errorf("info: %+v", in)
	}
	table, _ := mustCall(t, "info")
	for _, piece := range []string{in.Go, in.CPU, in.Kernels, "device cpu"} {
		if !strings.Contains(table, piece) {
			t.Errorf("the table lacks %q:\n%s", piece, table)
		}
	}
}
