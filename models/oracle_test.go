package models

import (
	"hash/fnv"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"hourglass/graph"
	"hourglass/models/export"
)

// feeds gives inputs and variables their values.
type feeds map[*graph.Node][]float64

// tape runs a graph through the references, on Gorgonia's TapeMachine.
type tape struct {
	vm   gorgonia.VM
	read []gorgonia.Value
}

// newTape returns a machine that computes outs.
func newTape(t *testing.T, b *graph.Builder, outs ...*graph.Node) *tape {
	t.Helper()
	m := &tape{read: make([]gorgonia.Value, len(outs))}
	for i, n := range outs {
		gorgonia.Read(n, &m.read[i])
	}
	m.vm = gorgonia.NewTapeMachine(b.Graph())
	t.Cleanup(func() { m.vm.Close() })
	return m
}

// run returns the values of the outs.
func (m *tape) run(t *testing.T, in feeds) [][]float64 {
	t.Helper()
	for n, v := range in {
		if err := gorgonia.Let(n, tensorLike(n, v)); err != nil {
			t.Fatal(err)
		}
	}
	m.vm.Reset()
	if err := m.vm.RunAll(); err != nil {
		t.Fatal(err)
	}
	values := make([][]float64, len(m.read))
	for i, v := range m.read {
		values[i] = floats(t, v.Data())
	}
	return values
}

// onTape runs the graph once.
func onTape(t *testing.T, b *graph.Builder, in feeds, outs ...*graph.Node) [][]float64 {
	t.Helper()
	return newTape(t, b, outs...).run(t, in)
}

// onCPU compiles the graph for the CPU, runs it and returns the values of outs.
// Inputs that the program does without are passed over.
func onCPU(t *testing.T, b *graph.Builder, in feeds, outs ...*graph.Node) [][]float64 {
	t.Helper()
	dev := device(t)
	p, err := graph.Compile(b.Graph(), dev, outs...)
	if err != nil {
		t.Fatal(err)
	}
	for n, v := range in {
		if err := p.Feed(n, tensorLike(n, v)); err != nil && !strings.Contains(err.Error(), "not part of the program") {
			t.Fatal(err)
		}
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	values := make([][]float64, len(outs))
	for i, n := range outs {
		v, err := p.Fetch(n)
		if err != nil {
			t.Fatal(err)
		}
		values[i] = floats(t, v.Data())
	}
	return values
}

// tensorLike returns a tensor of the node's type and shape.
func tensorLike(n *graph.Node, v []float64) tensor.Tensor {
	shape := tensor.WithShape(n.Shape()...)
	switch n.Dtype() {
	case tensor.Float64:
		return tensor.New(shape, tensor.WithBacking(append([]float64{}, v...)))
	case tensor.Int32:
		ints := make([]int32, len(v))
		for i := range v {
			ints[i] = int32(v[i])
		}
		return tensor.New(shape, tensor.WithBacking(ints))
	}
	return tensor.New(shape, tensor.WithBacking(narrow(v)))
}

func narrow(v []float64) []float32 {
	out := make([]float32, len(v))
	for i := range v {
		out[i] = float32(v[i])
	}
	return out
}

func widen(v []float32) []float64 {
	out := make([]float64, len(v))
	for i := range v {
		out[i] = float64(v[i])
	}
	return out
}

func floats(t *testing.T, data any) []float64 {
	t.Helper()
	switch d := data.(type) {
	case []float64:
		return append([]float64{}, d...)
	case []float32:
		return widen(d)
	case float64:
		return []float64{d}
	case float32:
		return []float64{float64(d)}
	}
	t.Fatalf("values of type %T", data)
	return nil
}

// golden is a file of testdata.
type golden map[string]export.Tensor

func openGolden(t *testing.T, name string) golden {
	t.Helper()
	tensors, _, err := export.OpenSafetensors(filepath.Join("testdata", name+".safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	g := golden{}
	for _, tensor := range tensors {
		g[tensor.Name] = tensor
	}
	return g
}

// values returns a tensor of float32 or float64.
func (g golden) values(t *testing.T, name string) []float64 {
	t.Helper()
	tensor, ok := g[name]
	if !ok {
		t.Fatalf("the golden file has no tensor %q", name)
	}
	if tensor.DType == export.F64 {
		v, err := export.Values[float64](tensor)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	v, err := export.Values[float32](tensor)
	if err != nil {
		t.Fatal(err)
	}
	return widen(v)
}

// formula is the initial weights of the golden runs; testdata/README.md has it.
func formula(name string, count, fanIn int) []float64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	state, bound := 20240611+h.Sum64(), float32(math.Sqrt(1/float64(fanIn)))
	w := make([]float64, count)
	for i := range w {
		z := state + uint64(i+1)*0x9E3779B97F4A7C15
		z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
		z = (z ^ z>>27) * 0x94D049BB133111EB
		z ^= z >> 31
		u := float32(z>>40) / (1 << 24)
		w[i] = float64((2*u - 1) * bound)
	}
	return w
}

func norm(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x * x
	}
	return math.Sqrt(sum)
}

// apart returns ‖got − want‖.
func apart(t *testing.T, got, want []float64) float64 {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d elements, want %d", len(got), len(want))
	}
	d := make([]float64, len(got))
	for i := range d {
		d[i] = got[i] - want[i]
	}
	return norm(d)
}
