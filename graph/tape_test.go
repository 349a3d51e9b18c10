package graph

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"gorgonia.org/gorgonia"

	"hourglass/kernels"
	"hourglass/kernels/cpu"
)

// tape runs a graph on Gorgonia's TapeMachine, the oracle.
type tape struct {
	vm  gorgonia.VM
	out []*gorgonia.Value
}

// newTape prepares to run the graph and to read outs. It adds nodes to the
// graph, so gradients must be there already.
func newTape(t *testing.T, g *gorgonia.ExprGraph, outs ...*Node) *tape {
	t.Helper()
	m := &tape{}
	for _, n := range outs {
		into := new(gorgonia.Value)
		gorgonia.Read(n, into)
		m.out = append(m.out, into)
	}
	m.vm = gorgonia.NewTapeMachine(g)
	t.Cleanup(func() { m.vm.Close() })
	return m
}

// feeds are the values of input nodes.
type feeds map[*Node]kernels.Array

// run returns the values of the outputs.
func (m *tape) run(t *testing.T, in feeds) []kernels.Array {
	t.Helper()
	for n, a := range in {
		o, err := operandOf(n)
		if err != nil {
			t.Fatal(err)
		}
		if err := gorgonia.Let(n, valueOf(a, o.DType)); err != nil {
			t.Fatal(err)
		}
	}
	for _, into := range m.out {
		*into = nil // a copy onto the old value would be made, which fails when it is empty
	}
	m.vm.Reset()
	if err := m.vm.RunAll(); err != nil {
		t.Fatalf("TapeMachine: %v", err)
	}
	out := make([]kernels.Array, len(m.out))
	for i, v := range m.out {
		a, err := arrayOf(*v)
		if err != nil {
			t.Fatal(err)
		}
		out[i] = kernels.Array{Shape: a.Shape, Data: append([]float64{}, a.Data...)}
	}
	return out
}

// runProgram feeds and runs a program and returns the values of the outputs.
func runProgram(t *testing.T, p *Program, in feeds, outs ...*Node) []kernels.Array {
	t.Helper()
	for n, a := range in {
		if v := p.nodes[n]; v == nil || v.home != isInput {
			continue // the outputs do not depend on it, or it is a variable
		}
		o, _ := operandOf(n)
		if err := p.Feed(n, tensorOf(valueOf(a, o.DType))); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	return fetchAll(t, p, outs...)
}

func fetchAll(t *testing.T, p *Program, outs ...*Node) []kernels.Array {
	t.Helper()
	got := make([]kernels.Array, len(outs))
	for i, n := range outs {
		v, err := p.Fetch(n)
		if err != nil {
			t.Fatal(err)
		}
		if got[i], err = arrayOf(v); err != nil {
			t.Fatal(err)
		}
	}
	return got
}

// newCPU returns a device that is closed at the end of the test.
func newCPU(t testing.TB, threads int) *cpu.Device {
	t.Helper()
	dev, err := cpu.New(cpu.Options{Threads: threads})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dev.Close() })
	return dev
}

// closeTo reports the first element of got that is further from want than tol
// times the largest magnitude in want. Equal infinities are close, and so are
// two NaNs.
func closeTo(got, want kernels.Array, tol float64) error {
	if len(got.Data) != len(want.Data) {
		return fmt.Errorf("shape %v, want %v", got.Shape, want.Shape)
	}
	size := 0.0
	for _, x := range want.Data {
		if !math.IsInf(x, 0) && !math.IsNaN(x) {
			size = math.Max(size, math.Abs(x))
		}
	}
	for i, x := range want.Data {
		y := got.Data[i]
		if x == y || math.IsNaN(x) && math.IsNaN(y) {
			continue
		}
		if !(math.Abs(x-y) <= tol*size) {
			return fmt.Errorf("element %d of %v is %v, want %v (largest %.3g)", i, want.Shape, y, x, size)
		}
	}
	return nil
}

// draw returns an array of normally distributed numbers.
func draw(r *rand.Rand, shape ...int) kernels.Array {
	a := kernels.NewArray(shape)
	for i := range a.Data {
		a.Data[i] = r.NormFloat64()
	}
	return a
}

// must returns the node that one of Gorgonia's functions built.
func must(t testing.TB) func(n *Node, err error) *Node {
	return func(n *Node, err error) *Node {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
}
