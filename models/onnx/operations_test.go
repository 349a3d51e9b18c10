package onnx

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"hourglass/graph"
	"hourglass/kernels"
	"hourglass/kernels/cpu"
	"hourglass/models/export"
)

// pythonEnv names a Python with the packages that make exports installs.
const pythonEnv = "HOURGLASS_EXPORTS_PYTHON"

// operationCase is a function of operations that the models hold but few of.
type operationCase struct {
	name  string
	in    kernels.Shape
	build func(b *graph.Builder, x *graph.Node) *graph.Node
}

// ones is a variable's value for builders alone: Write is given the real one.
func ones(value []float32, _ uint64) {
	for i := range value {
		value[i] = 1
	}
}

// operationCases are the operations and functions that translate, on images, in
// whose order axes have other places, and on rows.
func operationCases() []operationCase {
	image, row := kernels.Shape{4, 5, 3}, kernels.Shape{6}
	type builder = *graph.Builder
	type node = *graph.Node
	// seen is an image in the order of ONNX, as a convolution leaves it.
	seen := func(b builder, x node) node {
		return b.Apply(kernels.Conv2D{Pad: kernels.Same}, x, b.Param("filter", ones, 3, 3, 3, 3))
	}
	cases := []operationCase{
		{"transpose", image, func(b builder, x node) node {
			return b.Apply(kernels.Transpose{Perm: kernels.DimsOf(0, 2, 1, 3)}, seen(b, x))
		}},
		{"concat", image, func(b builder, x node) node {
			y := seen(b, x)
			return b.Apply(kernels.Concat{Axis: 3}, y, b.Fn(kernels.Square, 0, y))
		}},
		{"concat-rows", row, func(b builder, x node) node { return b.Apply(kernels.Concat{Axis: 1}, x, x) }},
		{"slice", image, func(b builder, x node) node {
			return b.Apply(kernels.Slice{Axis: 2, From: 1, To: 4}, b.Apply(kernels.Slice{Axis: 3, From: 1, To: 3}, seen(b, x)))
		}},
		{"pad", image, func(b builder, x node) node {
			return b.Apply(kernels.Pad{Axis: 1, Before: 2, After: 1}, b.Apply(kernels.Pad{Axis: 3, After: 1}, seen(b, x)))
		}},
		{"broadcast", row, func(b builder, x node) node {
			n := b.ShapeOf(x)[0]
			return b.Apply(kernels.Broadcast{To: kernels.DimsOf(n, 4, 6)}, b.Reshape(x, n, 1, 6))
		}},
		{"sum", image, func(b builder, x node) node { return b.Sum(seen(b, x), 1, 3) }},
		{"mean", image, func(b builder, x node) node { return b.Mean(seen(b, x), 2) }},
		{"logsumexp", row, func(b builder, x node) node { return b.Apply(kernels.LogSumExp{Axes: kernels.AxesOf(1)}, x) }},
		{"moments", row, func(b builder, x node) node {
			return b.Apply(kernels.Slice{Axis: 0, From: 1, To: 2}, b.Apply(kernels.Moments{Axes: kernels.AxesOf(1)}, x))
		}},
		{"onehotmax", row, func(b builder, x node) node { return b.Apply(kernels.OneHotMax{}, x) }},
		{"matmul-transposed", row, func(b builder, x node) node {
			return b.Apply(kernels.MatMul{TransB: true}, x, b.Param("matrix", ones, 4, 6))
		}},
		{"average-all", image, func(b builder, x node) node {
			return b.Apply(kernels.AvgPool2D{Kernel: [2]int{3, 2}, Stride: [2]int{2, 2}, Pad: kernels.Explicit(1, 1, 1, 0), CountPad: true}, x)
		}},
		{"max-explicit", image, func(b builder, x node) node {
			return b.Apply(kernels.MaxPool2D{Kernel: [2]int{3, 2}, Stride: [2]int{2, 1}, Pad: kernels.Explicit(1, 0, 0, 1)}, x)
		}},
		{"conv-explicit", image, func(b builder, x node) node {
			return b.Apply(kernels.Conv2D{Stride: [2]int{2, 3}, Pad: kernels.Explicit(2, 1, 0, 3)}, x, b.Param("filter", ones, 3, 2, 3, 4))
		}},
		{"channels", image, func(b builder, x node) node { // a vector beside an image, both ways
			w, y := b.Param("scale", ones, 3), seen(b, x)
			return b.Sub(b.Mul(w, y), b.Div(y, b.Offset(b.Fn(kernels.Square, 0, w), 1)))
		}},
		{"pixels", image, func(b builder, x node) node { return b.Mul(seen(b, x), b.Param("places", ones, 5, 3)) }},
		{"computed", image, func(b builder, x node) node { // a computed vector beside an image
			y := seen(b, x)
			return b.Add(y, b.Mean(y, 0, 1, 2))
		}},
		{"detached", row, func(b builder, x node) node { return b.Fn(kernels.Detach, 0, x) }},
		{"flattened", image, func(b builder, x node) node { // a function behind a shape that nobody wants yet
			y := b.Reshape(seen(b, x), b.ShapeOf(x)[0], 60)
			return b.Mul(b.Fn(kernels.Abs, 0, b.Fn(kernels.Copy, 0, y)), y)
		}},
	}
	for _, fn := range []kernels.Fn{kernels.Neg, kernels.Scale, kernels.Offset, kernels.Square, kernels.Abs, kernels.Sign, kernels.Exp, kernels.Step,
		kernels.ClampMin, kernels.ClampMax, kernels.ReLU, kernels.LeakyReLU, kernels.ELU, kernels.SiLU, kernels.GELU, kernels.Sigmoid, kernels.Tanh, kernels.Softplus} {
		cases = append(cases, operationCase{fn.String(), row, func(b builder, x node) node { return b.Fn(fn, 0.3, x) }})
	}
	for _, fn := range []kernels.Fn{kernels.Sqrt, kernels.Reciprocal, kernels.Log} { // of positive numbers
		cases = append(cases, operationCase{fn.String(), row, func(b builder, x node) node {
			return b.Fn(fn, 0, b.Offset(b.Fn(kernels.Square, 0, x), 0.5))
		}})
	}
	for fn := kernels.Add; fn <= kernels.NotEqual; fn++ {
		cases = append(cases, operationCase{fn.String(), row, func(b builder, x node) node {
			y := b.Fn(kernels.Abs, 0, x) // equal where x is not negative
			if fn == kernels.Pow {
				return b.Fn2(fn, 0, b.Offset(y, 0.5), x)
			}
			return b.Fn2(fn, 0, x, b.Fn(kernels.ClampMin, 0.1, y))
		}})
	}
	for _, fn := range []kernels.Fn{kernels.SquaredError, kernels.AbsoluteError} {
		cases = append(cases, operationCase{fn.String(), row, func(b builder, x node) node { return b.Fn2(fn, 0, x, b.Param("w", ones, 6)) }})
	}
	return cases
}

// draw returns numbers around 0.
func draw(rng *rand.Rand, n int) []float32 {
	values := make([]float32, n)
	for i := range values {
		values[i] = 2*rng.Float32() - 1
	}
	return values
}

// TestOperationsInONNXRuntime has every operation that translates computed by
// ONNX Runtime. make exports runs it.
func TestOperationsInONNXRuntime(t *testing.T) {
	python := os.Getenv(pythonEnv)
	if python == "" {
		t.Skip("make exports names a Python with onnx and ONNX Runtime in " + pythonEnv)
	}
	dev, err := cpu.New(cpu.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	folder := t.TempDir()
	for _, c := range operationCases() {
		weights := drawn(t, c)
		var encoded bytes.Buffer
		f := Function{Name: c.name, Input: "x", Output: "y", In: c.in, Build: c.build}
		if err := Write(&encoded, f, weights, nil); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, c.name+".onnx"), encoded.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{1, 4} {
			x, y, shape := compute(t, dev, c, weights, n)
			writeArray(t, filepath.Join(folder, fmt.Sprintf("%s.%d.x.npy", c.name, n)), x, append(kernels.Shape{n}, c.in...))
			writeArray(t, filepath.Join(folder, fmt.Sprintf("%s.%d.y.npy", c.name, n)), y, shape)
		}
	}
	cmd := exec.Command(python, filepath.Join("testdata", "check.py"), folder)
	out, err := cmd.CombinedOutput()
	t.Logf("check.py:\n%s", out)
	if err != nil {
		t.Fatal(err)
	}
}

// drawn returns values of a case's variables.
func drawn(t *testing.T, c operationCase) []graph.Array {
	t.Helper()
	b := graph.NewBuilder()
	c.build(b, b.Input("x", append(kernels.Shape{1}, c.in...)...))
	if b.Err() != nil {
		t.Fatalf("%s: %v", c.name, b.Err())
	}
	rng := rand.New(rand.NewPCG(5, 6))
	var weights []graph.Array
	for _, p := range b.Params() {
		weights = append(weights, graph.Array{Name: p.Name, Shape: p.Shape, Data: draw(rng, p.Shape.Size())})
	}
	return weights
}

// compute returns an input of n samples, and what the CPU makes of it.
func compute(t *testing.T, dev *cpu.Device, c operationCase, weights []graph.Array, n int) (x, y []float32, shape kernels.Shape) {
	t.Helper()
	b := graph.NewBuilder()
	in := b.Input("x", append(kernels.Shape{n}, c.in...)...)
	out := c.build(b, in)
	vars, err := graph.NewVariables(dev, b.Params(), graph.VariableOptions{})
	if err == nil {
		err = vars.SetState(weights)
	}
	if err != nil {
		t.Fatal(err)
	}
	p, err := graph.CompileWith(b.Graph(), dev, graph.Options{Variables: vars}, out)
	if err != nil {
		t.Fatalf("%s: %v", c.name, err)
	}
	x = draw(rand.New(rand.NewPCG(7, 8)), n*c.in.Size())
	shape = b.ShapeOf(out)
	y = make([]float32, shape.Size())
	if err := p.FeedFloats(in, x); err != nil {
		t.Fatal(err)
	}
	if err := p.Compute(); err != nil {
		t.Fatal(err)
	}
	if err := p.FetchInto(y, out); err != nil {
		t.Fatal(err)
	}
	return x, y, shape
}

// writeArray writes an array, of four axes as ONNX has it.
func writeArray(t *testing.T, path string, values []float32, shape kernels.Shape) {
	t.Helper()
	dims := []int(shape)
	if len(shape) == 4 {
		dims, values = permuted(shape, values, channelsFirst[:])
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := export.WriteNPY(io.Writer(f), dims, values); err != nil {
		t.Fatal(err)
	}
}
