package graph

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"hourglass/kernels"
)

// This file has a test for each way in which Gorgonia merges, removes or misses
// nodes without a word.

// wantError reports an error that lacks a text.
func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want one with %q", err, want)
	}
}

// TestNamesAreUnique: Gorgonia makes one node of two inputs of one name, type
// and shape.
func TestNamesAreUnique(t *testing.T) {
	g := gorgonia.NewGraph()
	vector := func() *Node {
		return gorgonia.NewVector(g, gorgonia.Float32, gorgonia.WithShape(3), gorgonia.WithName("x"))
	}
	if first, second := vector(), vector(); first != second {
		t.Error("Gorgonia does not merge inputs any more: the builder need not refuse names")
	}
	for _, try := range []func(b *Builder){
		func(b *Builder) { b.Input("x", 3) },
		func(b *Builder) { b.Input("x", 4) },
		func(b *Builder) { b.Param("x", nil, 3) },
		func(b *Builder) { b.Variable("x", nil, 3) },
		func(b *Builder) { b.InputOf(kernels.Uint8, "x", 3) },
	} {
		b := NewBuilder()
		b.In("a", func() { b.Input("x", 3) })
		b.Input("x", 3)
		if b.Err() != nil {
			t.Fatal(b.Err())
		}
		try(b)
		wantError(t, b.Err(), `the name "x" of an input or variable is taken`)
		if b.Input("y", 3) != nil || b.Apply(kernels.Unary{}, nil) != nil {
			t.Error("the builder goes on after an error")
		}
	}
}

// TestConstantsThatPrintAlike: Gorgonia tells constants apart by what they
// print.
func TestConstantsThatPrintAlike(t *testing.T) {
	for _, dt := range []kernels.DType{kernels.Float32, kernels.Float64} {
		for _, pair := range [][2]float64{
			{1, 1 + math.Ldexp(1, -20)}, {0.1, 0.1 + 1e-7}, {1e-20, 2e-20}, {0, 1e-30},
			{1e10, 1e10 + 4096}, {math.Pi, -math.Pi}, {math.Inf(1), math.Inf(-1)}, {1, math.NaN()},
		} {
			b := NewBuilderOf(dt)
			first, second := b.Constant(pair[0]), b.Constant(pair[1])
			x := b.Input("x", 1)
			outs := []*Node{b.Fn2(kernels.Div, 0, x, first), b.Fn2(kernels.Div, 0, x, second)}
			if b.Err() != nil {
				t.Fatal(b.Err())
			}
			p, err := Compile(b.Graph(), newCPU(t, 1), outs...)
			if err != nil {
				t.Fatal(err)
			}
			got := runProgram(t, p, feeds{x: {Shape: kernels.Shape{1}, Data: []float64{1}}}, outs...)
			for i, c := range pair {
				want := 1 / c
				if dt == kernels.Float32 {
					want = float64(1 / float32(c))
				}
				if y := got[i].Data[0]; y != want && !(y != y && want != want) {
					t.Errorf("%v: 1/%v is %v, want %v", dt, c, y, want)
				}
			}
		}
	}
}

// TestMixedTypes refuses floats of two types in an operation and in a graph,
// and types that no device has.
func TestMixedTypes(t *testing.T) {
	b := NewBuilder()
	x, y := b.Input("x", 3), b.InputOf(kernels.Float64, "y", 3)
	b.Add(x, y)
	wantError(t, b.Err(), "want all operands of one floating-point type")

	b = NewBuilder()
	x, y = b.Input("x", 3), b.InputOf(kernels.Float64, "y", 3)
	outs := []*Node{b.Fn(kernels.Exp, 0, x), b.Fn(kernels.Exp, 0, y)}
	_, err := Compile(b.Graph(), newCPU(t, 1), outs...)
	wantError(t, err, "want one floating-point type in a graph")

	b = NewBuilder()
	wide := gorgonia.NewVector(b.Graph(), tensor.Int64, gorgonia.WithShape(3), gorgonia.WithName("wide"))
	b.Fn(kernels.Exp, 0, wide)
	wantError(t, b.Err(), "want float32, float64, int32 or uint8")
}

// TestNoiseStreams: two noise nodes of one stream are one, of two streams two.
func TestNoiseStreams(t *testing.T) {
	b := NewBuilder()
	like, step := b.Input("like", 5), b.InputOf(kernels.Int32, "step", 1)
	draw := func(stream uint32) *Node { return b.Apply(kernels.Noise{Seed: 1, Stream: stream}, like, step) }
	first, second, again := draw(1), draw(2), draw(1)
	if first == second || first != again {
		t.Errorf("streams 1 and 2 are one node: %t, stream 1 twice is one node: %t", first == second, first == again)
	}
	p, err := Compile(b.Graph(), newCPU(t, 1), first, second)
	if err != nil {
		t.Fatal(err)
	}
	got := runProgram(t, p, feeds{like: kernels.NewArray(kernels.Shape{5}), step: kernels.NewArray(kernels.Shape{1})}, first, second)
	if slices.Equal(got[0].Data, got[1].Data) {
		t.Error("both streams draw the same numbers")
	}
}

// TestOptionsTellNodesApart applies operations that differ in one option each to
// the same operands: none may be merged.
func TestOptionsTellNodesApart(t *testing.T) {
	b := NewBuilder()
	x, w := b.Input("x", 2, 6, 6, 1), b.Input("w", 3, 3, 1, 1)
	seen := map[*Node]kernels.Spec{}
	apply := func(s kernels.Spec, in ...*Node) {
		n := b.Apply(s, in...)
		if b.Err() != nil {
			t.Fatal(b.Err())
		}
		if other, ok := seen[n]; ok {
			t.Errorf("%#v and %#v are one node", s, other)
		}
		seen[n] = s
	}
	for _, pad := range []kernels.Padding{kernels.Valid, kernels.Same, kernels.Explicit(1, 1, 1, 1)} {
		for _, stride := range [][2]int{{1, 1}, {1, 2}, {2, 1}} {
			apply(kernels.Conv2D{Stride: stride, Pad: pad}, x, w)
			apply(kernels.MaxPool2D{Kernel: [2]int{3, 3}, Stride: stride, Pad: pad}, x)
		}
	}
	for _, fn := range kernels.Fns() {
		for _, a := range []float64{0.1, 0.1 + 1e-12} {
			if fn.Arity() == 1 {
				apply(kernels.Unary{Fn: fn, A: a}, x)
			} else {
				apply(kernels.Binary{Fn: fn, A: a}, x, x)
			}
		}
	}
	for axes := range kernels.AllAxes(4) {
		apply(kernels.Sum{Axes: axes}, x)
		apply(kernels.Mean{Axes: axes}, x)
	}
}

// TestLostNodes asks for nodes that Gorgonia has removed, or whose id it
// confuses since.
func TestLostNodes(t *testing.T) {
	b := NewBuilder()
	x := b.Input("x", 3)
	gone := b.Fn(kernels.Exp, 0, x)
	later := b.Fn(kernels.Sqrt, 0, x)
	last := b.Fn(kernels.Tanh, 0, later)
	b.Graph().RemoveNode(gone)
	for _, n := range []*Node{gone, later, last} {
		_, err := Compile(b.Graph(), newCPU(t, 1), n)
		wantError(t, err, "is not in its graph")
	}
	VJP(b, []*Node{last}, []*Node{last}, []*Node{x})
	wantError(t, b.Err(), "is not in its graph")

	_, err := Compile(b.Graph(), newCPU(t, 1), nil)
	wantError(t, err, "an output is nil")
	_, err = Compile(b.Graph(), newCPU(t, 1))
	wantError(t, err, "no outputs")
	_, err = Compile(NewBuilder().Graph(), newCPU(t, 1), x)
	wantError(t, err, "is of another graph")
	other := NewBuilder()
	other.Fn(kernels.Exp, 0, x)
	wantError(t, other.Err(), "is of another graph")
}

// TestGradInTwoCalls: a second Grad would find nothing new and fail far away
// from the cause.
func TestGradInTwoCalls(t *testing.T) {
	b := NewBuilder()
	x, y := b.Input("x", 3), b.Input("y", 3)
	loss := b.Sum(b.Mul(x, y))
	if b.Gradients(loss, x); b.Err() != nil {
		t.Fatal(b.Err())
	}
	b.Gradients(loss, y)
	wantError(t, b.Err(), "one call")
}

// TestUnusedParameter names what the loss does not depend on.
func TestUnusedParameter(t *testing.T) {
	b := NewBuilder()
	x, w := b.Input("x", 3), b.Param("w", nil, 3)
	unused, flat := b.Param("unused", nil, 3), b.Param("flat", nil, 3)
	loss := b.Sum(b.Add(b.Mul(x, w), b.Fn(kernels.Step, 0, flat)))
	b.Gradients(loss, w, unused, flat)
	for _, name := range []string{"unused", "flat", "does not depend"} {
		wantError(t, b.Err(), name)
	}
	if strings.Contains(fmt.Sprint(b.Err()), "w,") {
		t.Errorf("%v names w, which is used", b.Err())
	}
}

// TestGradientErrors differentiates what is no scalar, by what is no input.
func TestGradientErrors(t *testing.T) {
	b := NewBuilder()
	x := b.Input("x", 3)
	b.Gradients(b.Fn(kernels.Exp, 0, x), x)
	wantError(t, b.Err(), "scalar")

	b = NewBuilder()
	x = b.Input("x", 3)
	y := b.Fn(kernels.Exp, 0, x)
	b.Gradients(b.Sum(y), y)
	wantError(t, b.Err(), "input")

	b = NewBuilder()
	b.Gradients(nil, b.Input("x", 3))
	wantError(t, b.Err(), "nil")

	b = NewBuilder()
	x = b.Input("x", 3)
	b.Gradients(b.Sum(x), nil)
	wantError(t, b.Err(), "nil")
}

// TestBuilderRefuses what would be a panic or a quiet mistake further down.
func TestBuilderRefuses(t *testing.T) {
	for want, build := range map[string]func(b *Builder, x *Node){
		"axes [9] of [2 3], want axes from 0 to 1":      func(b *Builder, x *Node) { b.Sum(x, 9) },
		"axes [0 -1] of [2 3], want":                    func(b *Builder, x *Node) { b.Mean(x, 0, -1) },
		"reshape: more than 6 axes":                     func(b *Builder, x *Node) { b.Reshape(x, 1, 1, 1, 1, 1, 2, 3) },
		"operand 0 is missing":                          func(b *Builder, x *Node) { b.Fn(kernels.Exp, 0, nil) },
		`input "y" has the shape [-1], want no negat`:   func(b *Builder, x *Node) { b.Input("y", -1) },
		`input "y" has 7 axes, at most 6 are supported`: func(b *Builder, x *Node) { b.Input("y", 1, 1, 1, 1, 1, 1, 1) },
		`the name ""`:      func(b *Builder, x *Node) { b.Input("") },
		"wants 2 operands": func(b *Builder, x *Node) { b.Apply(kernels.MatMul{}, x) },
	} {
		b := NewBuilder()
		build(b, b.Input("x", 2, 3))
		wantError(t, b.Err(), want)
	}
}
