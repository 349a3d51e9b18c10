package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"hourglass/graph"
	"hourglass/kernels"
	"hourglass/kernels/cpu"
	"hourglass/models/export"
	"hourglass/models/train"
)

// The environment variables that name a Python with the packages of
// testdata/exports/requirements.txt, and one with PyTorch and safetensors.
const (
	exportsPython = "HOURGLASS_EXPORTS_PYTHON"
	torchPython   = "HOURGLASS_TORCH_PYTHON"
)

// TestExportsInONNXRuntime has the exports of every model checked by onnx and
// computed by ONNX Runtime. make exports runs it.
func TestExportsInONNXRuntime(t *testing.T) {
	python := os.Getenv(exportsPython)
	if python == "" {
		t.Skip("make exports names a Python with onnx, ONNX Runtime and safetensors in " + exportsPython)
	}
	folder := t.TempDir()
	writeExports(t, folder)
	runPython(t, python, "check.py", folder)
}

// TestExportsInPyTorch has model.py of every model computed by PyTorch, and takes
// the weights back as PyTorch and NumPy save them. make golden runs it.
func TestExportsInPyTorch(t *testing.T) {
	python := os.Getenv(torchPython)
	if python == "" {
		t.Skip("make golden names a Python with PyTorch and safetensors in " + torchPython)
	}
	folder := t.TempDir()
	runs := writeExports(t, folder)
	runPython(t, python, "check_torch.py", folder)
	for _, r := range runs {
		for _, file := range []string{"saved.safetensors", "saved.npz"} {
			back := filepath.Join(t.TempDir(), "run")
			mustCall(t, "import", "--model", r.folder, "--weights", filepath.Join(filepath.Dir(r.folder), file), "--out", back)
			_, weights, _, err := train.ReadWeights(filepath.Join(back, train.BestName))
			if err != nil {
				t.Fatal(err)
			}
			if !sameArrays(weights, r.weights) {
				t.Errorf("%s: the weights that came back as %s are others", r.folder, file)
			}
		}
	}
}

// runPython runs a script of testdata/exports on a folder.
func runPython(t *testing.T, python, script, folder string) {
	t.Helper()
	if !filepath.IsAbs(python) {
		python = filepath.Join("..", "..", python)
	}
	cmd := exec.Command(python, filepath.Join("testdata", "exports", script), folder)
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	out, err := cmd.CombinedOutput()
	t.Logf("%s:\n%s", script, out)
	if err != nil {
		t.Fatal(err)
	}
}

// writeExports writes, for each case, a folder with a run, its exports, inputs
// and what Hourglass makes of them: images as [N C H W].
func writeExports(t *testing.T, folder string) []foreignRun {
	t.Helper()
	dev, err := cpu.New(cpu.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	var runs []foreignRun
	for _, c := range exportCases(t) {
		at := filepath.Join(folder, c.name)
		r := newForeignRun(t, filepath.Join(at, "run"), c, dev)
		mustCall(t, "export", r.folder, "--format", "safetensors,onnx,npz", "--out", filepath.Join(at, "exported"))
		const n = 5
		shape := r.runner.Shape()
		images := drawnImages(n, shape)
		codes, err := r.runner.Encode(images)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		copies, err := r.runner.Decode(codes)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		writeNPY(t, filepath.Join(at, "image.npy"), channelsFirst(n, shape, images), n, shape[2], shape[0], shape[1])
		writeNPY(t, filepath.Join(at, "code.npy"), codes, n, r.runner.Latent())
		writeNPY(t, filepath.Join(at, "reconstruction.npy"), channelsFirst(n, shape, copies), n, shape[2], shape[0], shape[1])
		if classes := r.model.Config().Classes; classes > 0 {
			probabilities, err := r.runner.Classify(images)
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			writeNPY(t, filepath.Join(at, "probabilities.npy"), probabilities, n, classes)
		}
		runs = append(runs, r)
	}
	return runs
}

func writeNPY(t *testing.T, path string, values []float32, shape ...int) {
	t.Helper()
	if err := createFile(path, func(w io.Writer) error { return export.WriteNPY(w, shape, values) }); err != nil {
		t.Fatal(err)
	}
}

// channelsFirst returns images [n H W C] as [n C H W].
func channelsFirst(n int, shape kernels.Shape, images []float32) []float32 {
	size, c := shape[0]*shape[1], shape[2]
	out := make([]float32, len(images))
	for i, v := range images {
		out[(i/(size*c)*c+i%c)*size+i/c%size] = v
	}
	return out
}

// sameArrays reports whether two lists hold the same variables, in any order.
func sameArrays(a, b []graph.Array) bool {
	of := map[string]graph.Array{}
	for _, x := range b {
		of[x.Name] = x
	}
	for _, x := range a {
		if y, ok := of[x.Name]; !ok || !x.Shape.Equal(y.Shape) || !slices.Equal(x.Data, y.Data) {
			return false
		}
	}
	return len(a) == len(b)
}
