package graph

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"hourglass/kernels"
)

// FuzzProgram makes small graphs of Specs with gradients from the fuzzed bytes
// and holds programs, fused, unfused and depth first, to TapeMachine: to the bit
// in float64, where fusion changes no operation, and within rounding errors in
// float32.
func FuzzProgram(f *testing.F) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 60 {
		data := make([]byte, 20+r.IntN(60))
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		f.Add(data)
	}
	f.Fuzz(checkFuzzed)
}

// checkFuzzed compares the programs of one graph.
func checkFuzzed(t *testing.T, data []byte) {
	wide := buildFuzzed(t, data, kernels.Float64)
	if wide == nil {
		return
	}
	dev := newCPU(t, 2)
	want := newTape(t, wide.b.Graph(), append(slices.Clone(wide.outs), wide.pool...)...).run(t, wide.in)
	for _, unfused := range []bool{false, true} {
		p, err := CompileWith(wide.b.Graph(), dev, Options{Unfused: unfused}, wide.outs...)
		if err != nil {
			t.Fatal(err)
		}
		for i, got := range runProgram(t, p, wide.in, wide.outs...) {
			if !sameNumbers(got.Data, want[i].Data) {
				t.Fatalf("output %d, %v, is\n%v, want\n%v\nunfused=%t\n%v", i, wide.outs[i], got, want[i], unfused, p)
			}
		}
	}
	size := largest(want)
	if wide.wild || !(size < 1e3) || wide.nearKink(want[len(wide.outs):], 1e-5*max(size, 1)) {
		return
	}
	narrow := buildFuzzed(t, data, kernels.Float32)
	for name, o := range map[string]Options{
		"fused": {}, "unfused": {Unfused: true},
		"one sample": {costs: ref(schedules["one sample"])}, "two samples": {costs: ref(schedules["two samples"])},
	} {
		p, err := CompileWith(narrow.b.Graph(), dev, o, narrow.outs...)
		if err != nil {
			t.Fatal(err)
		}
		for run := range 2 {
			for i, got := range runProgram(t, p, narrow.in, narrow.outs...) {
				for k, x := range want[i].Data {
					if !(math.Abs(got.Data[k]-x) <= 1e-4*max(size, 1)) {
						t.Fatalf("float32, %s, run %d: element %d of output %d, %v, is %v, want %v (largest %.3g)\n%v",
							name, run, k, i, narrow.outs[i], got.Data[k], x, size, p)
					}
				}
			}
		}
	}
}

func ref(c costModel) *costModel { return &c }

// sameNumbers compares bit by bit, but for the bits of NaN and the sign of 0.
func sameNumbers(got, want []float64) bool {
	return slices.EqualFunc(got, want, func(x, y float64) bool { return x == y || x != x && y != y })
}

// largest returns the largest magnitude, NaN if there is one.
func largest(arrays []kernels.Array) float64 {
	size := 0.0
	for _, a := range arrays {
		for _, x := range a.Data {
			size = math.Max(size, math.Abs(x))
		}
	}
	return size
}

// A fuzzed is a graph made from bytes.
type fuzzed struct {
	*net
	data []byte
	n    int     // the batch
	wild bool    // functions that overflow
	pool []*Node // results so far
	outs []*Node
}

// roll returns the next number below n that the bytes give.
func (f *fuzzed) roll(n int) int {
	if len(f.data) == 0 {
		return 0
	}
	v := int(f.data[0]) % n
	f.data = f.data[1:]
	return v
}

// pick returns one of the later results.
func (f *fuzzed) pick() *Node {
	return f.pool[len(f.pool)-1-f.roll(min(len(f.pool), 6))]
}

// shape returns the shape of a node.
func (f *fuzzed) shape(n *Node) kernels.Shape { return f.b.ShapeOf(n) }

// try applies an operation unless the operands do not fit or the result is large
// or empty. It adds the result to the pool.
func (f *fuzzed) try(s kernels.Spec, in ...*Node) *Node {
	operands := make([]kernels.Operand, len(in))
	for i, n := range in {
		if n == nil {
			return nil
		}
		operands[i], _ = operandOf(n)
	}
	const most = 300
	o, err := kernels.Infer(s, operands...)
	if err != nil || o.Shape.Size() > most || o.Shape.Size() == 0 || len(o.Shape) > kernels.MaxRank {
		return nil
	}
	n := f.b.Apply(s, in...)
	if !slices.Contains(f.pool, n) {
		f.pool = append(f.pool, n)
	}
	return n
}

// weight declares a parameter unless it would be large.
func (f *fuzzed) weight(shape ...int) *Node {
	return f.param(string(rune('a'+len(f.b.params)/26))+string(rune('a'+len(f.b.params)%26)), 0.5, shape...)
}

// buildFuzzed returns the graph of the bytes, the same for both types, or nil if
// no input makes a difference to it.
func buildFuzzed(t *testing.T, data []byte, dt kernels.DType) *fuzzed {
	h := fnv.New64a()
	h.Write(data)
	f := &fuzzed{net: newNet(dt), data: data}
	f.r = rand.New(rand.NewPCG(h.Sum64(), 1))
	f.n = 2 + f.roll(3)
	f.wild = f.roll(4) == 3
	f.pool = []*Node{f.input("x", f.n, 1+f.roll(5), 1+f.roll(5), 1+f.roll(3)), f.input("y", f.n, 1+f.roll(6)), f.input("z", 1+f.roll(4))}
	step := f.count("step", 3)
	for len(f.data) > 8 && len(f.pool) < 24 {
		fuzzedOps[f.roll(len(fuzzedOps))](f, step)
	}
	b := f.b
	loss := b.Mean(f.pool[len(f.pool)-1])
	for range f.roll(3) {
		loss = b.Add(loss, b.Mean(f.pick()))
	}
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	by := []*Node{f.pool[0], f.pool[1], f.pool[2]}
	for _, p := range b.Params() {
		by = append(by, p.Node)
	}
	unused := b.unused(loss, by)
	by = slices.DeleteFunc(by, func(n *Node) bool { return slices.Contains(unused, n.Name()) })
	f.outs = []*Node{loss}
	for range f.roll(4) {
		f.outs = append(f.outs, f.pick())
	}
	if len(by) == 0 {
		return nil
	}
	f.outs = append(f.outs, b.Gradients(loss, by...)...)
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	return f
}

var tameFns = []kernels.Fn{
	kernels.Neg, kernels.Scale, kernels.Offset, kernels.Square, kernels.Abs, kernels.Sign, kernels.Step, kernels.ClampMin, kernels.ClampMax,
	kernels.ReLU, kernels.LeakyReLU, kernels.ELU, kernels.SiLU, kernels.GELU, kernels.Sigmoid, kernels.Tanh, kernels.Softplus,
}

var wildFns = []kernels.Fn{kernels.Exp, kernels.Log, kernels.Sqrt, kernels.Reciprocal, kernels.Copy, kernels.GELUSlope}

var tameFns2 = []kernels.Fn{
	kernels.Add, kernels.Sub, kernels.Mul, kernels.Max, kernels.Min, kernels.Greater, kernels.LessEqual, kernels.Equal,
	kernels.SquaredError, kernels.AbsoluteError, kernels.Huber, kernels.ReLUGrad, kernels.SigmoidGrad, kernels.TanhGrad, kernels.SiLUGrad,
}

var wildFns2 = []kernels.Fn{kernels.Div, kernels.Pow, kernels.BCELogits, kernels.SoftplusGrad, kernels.ELUGrad}

func (f *fuzzed) fn(tame, wild []kernels.Fn) (fn kernels.Fn, a float64) {
	if f.wild && f.roll(3) == 0 {
		tame = wild
	}
	return tame[f.roll(len(tame))], []float64{0.5, 0.25, 1, 0.125}[f.roll(4)]
}

func (f *fuzzed) stride() [2]int { return [2]int{1 + f.roll(2), 1 + f.roll(2)} }

func (f *fuzzed) pad() kernels.Padding {
	return []kernels.Padding{kernels.Same, kernels.Valid, kernels.Explicit(1, 0, 1, 1)}[f.roll(3)]
}

// fuzzedOps each add an operation to the graph, or nothing where it does not fit.
var fuzzedOps = []func(f *fuzzed, step *Node){
	func(f *fuzzed, _ *Node) {
		fn, a := f.fn(tameFns, wildFns)
		f.try(kernels.Unary{Fn: fn, A: a}, f.pick())
	},
	func(f *fuzzed, _ *Node) { // two results that fit, or one and the mean of the other
		fn, a := f.fn(tameFns2, wildFns2)
		x, y := f.pick(), f.pick()
		if f.try(kernels.Binary{Fn: fn, A: a}, x, y) == nil {
			f.try(kernels.Binary{Fn: fn, A: a}, x, f.try(kernels.Mean{Axes: kernels.AllAxes(len(f.shape(y)))}, y))
		}
	},
	func(f *fuzzed, _ *Node) { // a bias, and perhaps an activation
		x := f.pick()
		shape := f.shape(x)
		if len(shape) == 0 {
			return
		}
		y := f.try(kernels.Binary{Fn: kernels.Add}, x, f.weight(shape[len(shape)-1]))
		if fn, a := f.fn(tameFns, wildFns); f.roll(3) > 0 {
			f.try(kernels.Unary{Fn: fn, A: a}, y)
		}
	},
	func(f *fuzzed, _ *Node) {
		x := f.pick()
		shape := f.shape(x)
		to := [][]int{{shape.Size()}, {1, shape.Size()}, append([]int{1}, shape...), {f.n, shape.Size() / f.n}, append(shape.Clone(), 1)}
		f.try(kernels.Reshape{To: kernels.DimsOf(to[f.roll(len(to))]...)}, x)
	},
	func(f *fuzzed, _ *Node) {
		x := f.pick()
		perm := f.r.Perm(len(f.shape(x)))
		f.try(kernels.Transpose{Perm: kernels.DimsOf(perm...)}, x)
	},
	func(f *fuzzed, _ *Node) {
		x := f.pick()
		axes := kernels.Axes(f.roll(64)) & kernels.AllAxes(len(f.shape(x)))
		f.try([]kernels.Spec{kernels.Sum{Axes: axes}, kernels.Mean{Axes: axes}, kernels.Moments{Axes: axes}}[f.roll(3)], x)
	},
	func(f *fuzzed, _ *Node) {
		x := f.pick()
		if shape := f.shape(x); len(shape) == 4 {
			w := f.weight(1+f.roll(3), 1+f.roll(3), shape[3], 1+f.roll(4))
			f.try(kernels.Conv2D{Stride: f.stride(), Pad: f.pad()}, x, w)
		}
	},
	func(f *fuzzed, _ *Node) {
		x := f.pick()
		if shape := f.shape(x); len(shape) == 4 {
			s := kernels.Conv2DInputGrad{Stride: f.stride(), Pad: kernels.Same}
			s.H, s.W = shape[1]*s.Stride[0], shape[2]*s.Stride[1]
			f.try(s, x, f.weight(1+f.roll(3), 1+f.roll(3), 1+f.roll(3), shape[3]))
		}
	},
	func(f *fuzzed, _ *Node) {
		x, s := f.pick(), kernels.MatMul{TransA: f.roll(3) == 0, TransB: f.roll(3) == 0}
		shape := f.shape(x)
		if len(shape) != 2 {
			return
		}
		k := shape[1]
		if s.TransA {
			k = shape[0]
		}
		if y := f.pick(); f.try(s, x, y) != nil || f.try(s, x, x) != nil {
			return
		}
		if s.TransB {
			f.try(s, x, f.weight(1+f.roll(5), k))
		} else {
			f.try(s, x, f.weight(k, 1+f.roll(5)))
		}
	},
	func(f *fuzzed, _ *Node) {
		kernel, stride, pad := [2]int{1 + f.roll(3), 1 + f.roll(3)}, f.stride(), f.pad()
		if f.roll(2) == 0 {
			f.try(kernels.MaxPool2D{Kernel: kernel, Stride: stride, Pad: pad}, f.pick())
		} else {
			f.try(kernels.AvgPool2D{Kernel: kernel, Stride: stride, Pad: pad, CountPad: f.roll(2) == 0}, f.pick())
		}
	},
	func(f *fuzzed, _ *Node) {
		f.try(kernels.Upsample2D{Scale: f.stride(), Mode: kernels.UpsampleMode(f.roll(2))}, f.pick())
	},
	func(f *fuzzed, _ *Node) {
		x := f.pick()
		for _, in := range [][]*Node{{x, f.pick()}, {x, x, x}} {
			if f.try(kernels.Concat{Axis: f.roll(4)}, in...) != nil {
				return
			}
		}
	},
	func(f *fuzzed, _ *Node) {
		x, axis := f.pick(), f.roll(4)
		if shape := f.shape(x); axis < len(shape) {
			from := f.roll(shape[axis])
			f.try(kernels.Slice{Axis: axis, From: from, To: from + 1 + f.roll(shape[axis]-from)}, x)
		}
	},
	func(f *fuzzed, _ *Node) {
		f.try(kernels.Pad{Axis: f.roll(4), Before: f.roll(3), After: f.roll(2)}, f.pick())
	},
	func(f *fuzzed, _ *Node) {
		x := f.pick()
		f.try(kernels.Broadcast{To: kernels.DimsOf(append([]int{f.n}, f.shape(x)...)...)}, x)
	},
	func(f *fuzzed, step *Node) { // dropout
		x := f.pick()
		noise := f.b.Apply(kernels.Noise{Dist: kernels.Dist(f.roll(3)), P: 0.5, Stream: uint32(len(f.pool))}, x, step)
		f.try(kernels.Binary{Fn: kernels.Mul}, x, noise)
	},
	func(f *fuzzed, _ *Node) { // a gradient, to be differentiated again
		if len(f.pool) > 14 {
			return
		}
		y := f.pick()
		for _, g := range VJP(f.b, []*Node{y}, []*Node{y}, f.pool[:2]) {
			if g != nil && !slices.Contains(f.pool, g) {
				f.pool = append(f.pool, g)
			}
		}
	},
	func(f *fuzzed, _ *Node) {
		if x, y, z := f.pick(), f.pick(), f.pick(); f.roll(2) == 0 {
			f.try(kernels.GaussianKL{}, x, f.try(kernels.Unary{Fn: kernels.Tanh}, y))
		} else {
			f.try(kernels.Reparameterize{}, x, f.try(kernels.Unary{Fn: kernels.Tanh}, y), z)
		}
	},
}

// nearKink reports whether an operand of a function with a kink or a jump lies
// so close to it that rounding might decide. values are the pool's.
func (f *fuzzed) nearKink(values []kernels.Array, gap float64) bool {
	of := map[*Node][]float64{}
	for i, n := range f.pool {
		of[n] = values[i].Data
	}
	near := func(x []float64, kink float64) bool {
		return slices.ContainsFunc(x, func(v float64) bool { return v != kink && math.Abs(v-kink) < gap })
	}
	for _, n := range f.pool {
		in := operands(f.b.g, n)
		spec, ok := SpecOf(n)
		if !ok {
			continue
		}
		switch s := spec.(type) {
		case kernels.Unary:
			kink := 0.0
			if s.Fn == kernels.ClampMin || s.Fn == kernels.ClampMax {
				kink = s.A
			}
			if near(of[in[0]], kink) {
				return true
			}
		case kernels.Binary:
			both := append(slices.Clone(of[in[0]]), of[in[1]]...)
			if near(both, 0) || closePair(both, gap) {
				return true
			}
		case kernels.MaxPool2D:
			if closePair(of[in[0]], gap) {
				return true
			}
		}
	}
	return false
}

// closePair reports whether two numbers differ, but by less than gap.
func closePair(x []float64, gap float64) bool {
	x = slices.Sorted(slices.Values(x))
	for i := 1; i < len(x); i++ {
		if d := x[i] - x[i-1]; d > 0 && d < gap {
			return true
		}
	}
	return false
}
