package graph

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/tensor"

	"hourglass/kernels"
)

var nets = map[string]func(testing.TB, kernels.DType) *net{"dense": denseNet, "conv": convNet}

// TestProgramAgainstTapeMachine holds programs, fused and not, to TapeMachine on
// the same graph: values and gradients.
func TestProgramAgainstTapeMachine(t *testing.T) {
	for name, build := range nets {
		for _, dt := range []kernels.DType{kernels.Float32, kernels.Float64} {
			for _, unfused := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%v/unfused=%t", name, dt, unfused), func(t *testing.T) {
					n := build(t, dt)
					p, err := CompileWith(n.b.Graph(), newCPU(t, 2), Options{Unfused: unfused}, n.outs...)
					if err != nil {
						t.Fatal(err)
					}
					want := newTape(t, n.b.Graph(), n.outs...).run(t, n.in)
					tol := map[kernels.DType]float64{kernels.Float32: 1e-5, kernels.Float64: 1e-12}[dt]
					for run := range 2 { // nothing of one run may reach the next
						got := runProgram(t, p, n.in, n.outs...)
						for i := range got {
							if err := closeTo(got[i], want[i], tol); err != nil {
								t.Errorf("run %d, %v: %v", run, n.outs[i], err)
							}
						}
					}
				})
			}
		}
	}
}

// TestSameBits runs with one thread and with two, and twice.
func TestSameBits(t *testing.T) {
	for name, build := range nets {
		var want []kernels.Array
		for _, threads := range []int{1, 2, 2} {
			n := build(t, kernels.Float32)
			p, err := Compile(n.b.Graph(), newCPU(t, threads), n.outs...)
			if err != nil {
				t.Fatal(err)
			}
			got := runProgram(t, p, n.in, n.outs...)
			for i := range want {
				if !slices.Equal(got[i].Data, want[i].Data) {
					t.Errorf("%s: %v differs with %d threads", name, n.outs[i], threads)
				}
			}
			want = got
		}
	}
}

// TestFusionLeavesLess counts launches: fusion must make fewer.
func TestFusionLeavesLess(t *testing.T) {
	for name, build := range nets {
		n := build(t, kernels.Float32)
		fused, err := Compile(n.b.Graph(), newCPU(t, 1), n.loss)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := CompileWith(n.b.Graph(), newCPU(t, 1), Options{Unfused: true}, n.loss)
		if err != nil {
			t.Fatal(err)
		}
		if 10*len(fused.plan.steps) > 7*len(plain.plan.steps) {
			t.Errorf("%s: fusion leaves %d of %d launches", name, len(fused.plan.steps), len(plain.plan.steps))
		}
	}
}

// TestFeedAndFetchErrors asks for what a program cannot do.
func TestFeedAndFetchErrors(t *testing.T) {
	b := NewBuilder()
	x, other := b.Input("x", 2, 3), b.Input("other", 4)
	hidden := b.Fn(kernels.Exp, 0, x)
	y := b.Sum(hidden)
	p, err := Compile(b.Graph(), newCPU(t, 1), y)
	if err != nil {
		t.Fatal(err)
	}
	value := func(data any, shape ...int) tensor.Tensor {
		return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(data))
	}
	fetch := func(n *Node) error { _, err := p.Fetch(n); return err }
	scalar := func(n *Node) error { _, err := p.Scalar(n); return err }
	six := make([]float32, 6)
	for _, try := range []struct {
		err  error
		want string
	}{
		{p.Run(), "input x has not been fed"},
		{p.Feed(x, value(make([]float32, 5), 5)), "x got 5 elements of float32, want float32[2 3]"},
		{p.Feed(x, value(make([]float32, 6), 3, 2)), "x got the shape [3 2], want float32[2 3]"},
		{p.Feed(x, value(make([]float64, 6), 2, 3)), "x got 6 elements of float64, want float32[2 3]"},
		{p.Feed(x, value(make([]int64, 6), 2, 3)), "int64"},
		{p.Feed(x, nil), "no value"},
		{p.FeedInts(x, make([]int32, 6)), "x got 6 elements of int32"},
		{p.FeedFloats(x, six[:2]), "x got 2 elements"},
		{p.FeedFloats(y, six[:1]), "is not an input"},
		{p.FeedFloats(other, six[:4]), "is not part of the program"},
		{p.FeedFloats(nil, six[:4]), "is not part of the program"},
		{fetch(hidden), "is not an output"},
		{fetch(nil), "is not an output"},
		{fetch(other), "is not an output"},
		{p.FetchInto(six, y), "got room for 6 elements"},
		{scalar(x), "want one element"},
		{p.FeedFloats(x, six), ""},
		{p.Run(), ""},
		{fetch(y), ""},
	} {
		switch {
		case try.want == "" && try.err != nil:
			t.Error(try.err)
		case try.want != "" && (try.err == nil || !strings.Contains(try.err.Error(), try.want)):
			t.Errorf("error %v, want one with %q", try.err, try.want)
		}
	}
	if got, _ := p.Scalar(y); got != 6 {
		t.Errorf("Σ exp 0 over six elements is %v", got)
	}
}

// TestFirstNonFinite plants NaN and infinity and asks for the first.
func TestFirstNonFinite(t *testing.T) {
	b := NewBuilder()
	x, w := b.Input("x", 3), b.Param("w", nil, 3)
	y := b.Sum(b.Fn(kernels.Log, 0, b.Mul(x, w)))
	dev := newCPU(t, 1)
	vars, err := NewVariables(dev, b.Params(), VariableOptions{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := CompileWith(b.Graph(), dev, Options{Variables: vars, Unfused: true}, y)
	if err != nil {
		t.Fatal(err)
	}
	for _, try := range []struct {
		x, w []float32
		want string
	}{
		{[]float32{1, 2, 3}, []float32{1, 2, 3}, ""},
		{[]float32{1, 2, 3}, []float32{1, 0, 3}, "the result of log"},
		{[]float32{1, float32(math.NaN()), 3}, []float32{1, 2, 3}, "input x"},
		{[]float32{1, 2, 3}, []float32{1, 2, float32(math.Inf(1))}, "parameter w"},
	} {
		if err := p.FeedFloats(x, try.x); err != nil {
			t.Fatal(err)
		}
		if err := vars.Set("w", try.w); err != nil {
			t.Fatal(err)
		}
		what, found, err := p.FirstNonFinite()
		if err != nil || found != (try.want != "") || what != try.want {
			t.Errorf("x %v, w %v: %q, %t, %v, want %q", try.x, try.w, what, found, err, try.want)
		}
	}
}

// TestRunAllocatesNothing runs a training step with inputs fed and the loss
// fetched.
func TestRunAllocatesNothing(t *testing.T) {
	for name, build := range nets {
		n := build(t, kernels.Float32)
		tr := newTraining(t, n, kernels.Adam{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}, 1)
		x := n.b.Graph().ByName("x")[0]
		data := narrow[float32](n.in[x].Data)
		step := func() {
			if err := tr.p.FeedFloats(x, data); err != nil {
				t.Fatal(err)
			}
			if err := tr.p.Run(); err != nil {
				t.Fatal(err)
			}
			if _, err := tr.p.Scalar(n.loss); err != nil {
				t.Fatal(err)
			}
		}
		tr.feed(t, 0)
		if allocated := testing.AllocsPerRun(10, step); allocated != 0 {
			t.Errorf("%s: a step allocates %v times", name, allocated)
		}
	}
}

// TestEveryType feeds, copies and fetches arrays and scalars of every element
// type, on the device and on TapeMachine.
func TestEveryType(t *testing.T) {
	for _, dt := range []kernels.DType{kernels.Float32, kernels.Float64, kernels.Int32, kernels.Uint8} {
		for _, shape := range []kernels.Shape{{}, {1}, {2, 3}, {0, 3}} {
			b := NewBuilder()
			x := b.InputOf(dt, "x", shape...)
			y := b.Apply(kernels.Concat{}, b.Reshape(x, shape.Size()), b.Reshape(x, shape.Size()))
			if b.Err() != nil {
				t.Fatal(b.Err())
			}
			p, err := Compile(b.Graph(), newCPU(t, 1), x, y)
			if err != nil {
				t.Fatal(err)
			}
			in := feeds{x: kernels.NewArray(shape)}
			for i := range in[x].Data {
				in[x].Data[i] = float64(i + 7)
			}
			twice := append(slices.Clone(in[x].Data), in[x].Data...)
			for name, got := range map[string][]kernels.Array{
				"program": runProgram(t, p, in, x, y), "TapeMachine": newTape(t, b.Graph(), x, y).run(t, in),
			} {
				if !slices.Equal(got[0].Data, in[x].Data) || !slices.Equal(got[1].Data, twice) {
					t.Errorf("%s, %v%v: %v and %v, want %v once and twice", name, dt, shape, got[0].Data, got[1].Data, in[x].Data)
				}
			}
			if v, err := p.Fetch(x); err != nil || v.Dtype() != dtypeOf(dt) {
				t.Errorf("%v%v is fetched as %v, %v", dt, shape, v.Dtype(), err)
			}
		}
	}
}

// TestSumsOfProducts counts the steps of a sum of products, which on threads is
// one, and holds it to what the numbers give. A product that somebody else reads
// stays.
func TestSumsOfProducts(t *testing.T) {
	for read, want := range map[bool]string{false: "sumproduct{Axes:{0 1}}", true: "sum{Axes:{0 1}}"} {
		b := NewBuilder()
		x, y := b.Input("x", 2, 3, 4), b.Input("y", 2, 3, 4)
		product := b.Mul(x, y)
		outs := []*Node{b.Sum(product, 0, 1)}
		if read {
			outs = append(outs, product)
		}
		p, err := Compile(b.Graph(), newCPU(t, 2), outs...)
		if err != nil || b.Err() != nil {
			t.Fatal(err, b.Err())
		}
		if !strings.Contains(p.String(), want) {
			t.Errorf("product read %t: want a step %s in\n%v", read, want, p)
		}
		data := make([]float32, 24)
		for i := range data {
			data[i] = float32(i)
		}
		for _, n := range []*Node{x, y} {
			if err := p.Feed(n, tensor.New(tensor.WithShape(2, 3, 4), tensor.WithBacking(data))); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		got, err := p.Fetch(outs[0])
		if err != nil {
			t.Fatal(err)
		}
		// Σ (4r + c)² over the six rows r of column c.
		if sums := fmt.Sprint(got.Data()); sums != "[880 1006 1144 1294]" {
			t.Errorf("product read %t: sums %s, want [880 1006 1144 1294]", read, sums)
		}
	}
}
