package graph

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"hourglass/kernels"
	"hourglass/kernels/kernelstest"
)

// schedules cut batches of a few samples in every way there is.
var schedules = map[string]costModel{
	"one sample":   {cacheBytes: 1, mostSamples: 64, leastParts: 1, mostGroups: 16, sumBytes: 1 << 30, smallBytes: 64, weightBytes: 1 << 30},
	"two samples":  {cacheBytes: 1 << 30, mostSamples: 2, leastParts: 1, mostGroups: 2, sumBytes: 1 << 30, smallBytes: 64, weightBytes: 1 << 30},
	"one group":    {cacheBytes: 1, mostSamples: 64, leastParts: 1, mostGroups: 1, sumBytes: 1 << 30, smallBytes: 64, weightBytes: 1 << 30},
	"whole batch":  {cacheBytes: 1 << 30, mostSamples: 64, leastParts: 1, mostGroups: 16, sumBytes: 1 << 30, smallBytes: 64, weightBytes: 1 << 30},
	"heavy ones":   {cacheBytes: 1, mostSamples: 64, leastParts: 4, mostGroups: 4, sumBytes: 1 << 30, smallBytes: 64, weightBytes: 64},
	"uneven parts": {cacheBytes: 1, mostSamples: 1, leastParts: 1, mostGroups: 4, sumBytes: 1 << 30, smallBytes: 64, weightBytes: 1 << 30},
}

// TestDepthFirst holds programs that run depth first to TapeMachine.
func TestDepthFirst(t *testing.T) {
	for name, build := range nets {
		for schedule, costs := range schedules {
			t.Run(name+"/"+schedule, func(t *testing.T) {
				n := build(t, kernels.Float32)
				want := newTape(t, n.b.Graph(), n.outs...).run(t, n.in)
				var first []kernels.Array
				for threads := 1; threads <= 3; threads++ {
					p, err := CompileWith(n.b.Graph(), newCPU(t, threads), Options{costs: &costs}, n.outs...)
					if err != nil {
						t.Fatal(err)
					}
					if !strings.Contains(p.String(), "depth first") {
						t.Fatalf("no segment in\n%v", p)
					}
					for range 2 { // nothing of one run may reach the next
						got := runProgram(t, p, n.in, n.outs...)
						for i := range got {
							if err := closeTo(got[i], want[i], 1e-5); err != nil {
								t.Errorf("%d threads, %v: %v", threads, n.outs[i], err)
							}
							if first != nil && !slices.Equal(got[i].Data, first[i].Data) {
								t.Errorf("%v has other bits with %d threads", n.outs[i], threads)
							}
						}
						first = got
					}
				}
			})
		}
	}
}

// TestHeavy has a layer between two others leave their segments once its weights
// are more than the samples of a part.
func TestHeavy(t *testing.T) {
	costs := schedules["one sample"]
	costs.leastParts, costs.weightBytes = 4, 1000
	for channels, want := range map[int]bool{2: true, 12: false} {
		b := NewBuilder()
		x := b.Input("x", 4, 4, 4, 2)
		y := b.Apply(kernels.Conv2D{Pad: kernels.Same}, x, b.Input("a", 3, 3, 2, channels))
		y = b.Apply(kernels.Conv2D{Stride: [2]int{4, 4}, Pad: kernels.Same}, y, b.Input("b", 3, 3, channels, channels))
		y = b.Fn(kernels.Square, 0, b.Apply(kernels.Conv2D{Pad: kernels.Same}, y, b.Input("c", 3, 3, channels, 2)))
		p, err := CompileWith(b.Graph(), newCPU(t, 1), Options{costs: &costs}, b.Mean(y))
		if err != nil {
			t.Fatal(err)
		}
		inside := slices.ContainsFunc(p.plan.steps, func(s *step) bool {
			return s.segment != nil && slices.ContainsFunc(s.segment.steps, func(in *innerStep) bool { return len(in.in) > 1 && in.in[1].name == "b" })
		})
		if inside != want {
			t.Errorf("%d channels: the middle layer is in a segment: %t, want %t, in\n%v", channels, inside, want, p)
		}
	}
}

// TestDepthFirstTraining takes an optimizer's step, whose gradients are sums
// over the batch in one arena, both ways.
func TestDepthFirstTraining(t *testing.T) {
	costs := schedules["one sample"]
	weights := func(o Options) ([]Array, *training) {
		n := convNet(t, kernels.Float32)
		tr := newTrainingWith(t, n, kernels.Adam{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}, 1, o)
		for step := range int32(5) {
			tr.feed(t, step)
			if err := tr.p.Run(); err != nil {
				t.Fatal(err)
			}
		}
		state, err := tr.vars.State()
		if err != nil {
			t.Fatal(err)
		}
		return state, tr
	}
	want, _ := weights(Options{Unfused: true})
	got, tr := weights(Options{costs: &costs})
	for i := range want {
		a := kernels.Array{Shape: want[i].Shape, Data: wide(got[i].Data)}
		if err := closeTo(a, kernels.Array{Shape: want[i].Shape, Data: wide(want[i].Data)}, 1e-4); err != nil {
			t.Errorf("%s: %v", want[i].Name, err)
		}
	}
	if n := testing.AllocsPerRun(5, func() { tr.p.Run() }); n != 0 {
		t.Errorf("a step allocates %v times", n)
	}
}

// TestRecomputed holds a program with two normalised layers to TapeMachine. What
// the normalisations give is computed anew for the gradients, which needs less
// memory than keeping it.
func TestRecomputed(t *testing.T) {
	build := func() *net {
		n := newNet(kernels.Float32)
		b := n.b
		y := n.input("x", 4, 6, 6, 3)
		for _, name := range []string{"a", "b"} {
			y = b.Apply(kernels.Conv2D{Pad: kernels.Same}, y, n.param(name+".weight", 0.3, 3, 3, b.ShapeOf(y)[3], 5))
			y = b.Fn(kernels.ReLU, 0, n.batchNorm(name+".norm", y))
		}
		return n.finish(t, b.Mean(b.Fn(kernels.Square, 0, y)))
	}
	for _, schedule := range []string{"one sample", "two samples"} {
		costs := schedules[schedule]
		n := build()
		want := newTape(t, n.b.Graph(), n.outs...).run(t, n.in)
		arena := map[int]int{}
		for _, small := range []int{64, 1 << 30} { // none is worth it where all are small
			costs.smallBytes = small
			p, err := CompileWith(n.b.Graph(), newCPU(t, 2), Options{costs: &costs}, n.outs...)
			if err != nil {
				t.Fatal(err)
			}
			arena[small] = p.arena
			for i, got := range runProgram(t, p, n.in, n.outs...) {
				if err := closeTo(got, want[i], 1e-5); err != nil {
					t.Errorf("%v: %v", n.outs[i], err)
				}
			}
			made := map[string]int{}
			again := 0
			for _, s := range p.plan.steps {
				if s.segment == nil {
					continue
				}
				for _, in := range s.segment.steps {
					if made[in.step.out.label()]++; made[in.step.out.label()] == 2 {
						again++
					}
				}
			}
			if (again > 0) != (small == 64) {
				t.Errorf("%s: %d results are computed twice where %d bytes are small, in\n%v", schedule, again, small, p)
			}
		}
		if arena[64] >= arena[1<<30] {
			t.Errorf("%s: %d bytes with results computed anew, %d without", schedule, arena[64], arena[1<<30])
		}
	}
}

func wide(x []float32) []float64 {
	out := make([]float64, len(x))
	widen(out, x)
	return out
}

// TestDepthFirstNonFinite finds the bad step inside a segment.
func TestDepthFirstNonFinite(t *testing.T) {
	costs := schedules["one sample"]
	b := NewBuilder()
	x := b.Input("x", 4, 3)
	y := b.Fn(kernels.Sqrt, 0, b.Sum(b.Apply(kernels.Concat{Axis: 1}, x, x), 1))
	p, err := CompileWith(b.Graph(), newCPU(t, 2), Options{costs: &costs}, b.Sum(b.Fn(kernels.Exp, 0, y)), b.Apply(kernels.MatMul{TransA: true}, x, x))
	if err != nil {
		t.Fatal(err)
	}
	data := []float32{1, 2, 3, 4, 5, 6, -7, -8, -9, 1, 1, 1}
	if err := p.FeedFloats(x, data); err != nil {
		t.Fatal(err)
	}
	what, found, err := p.FirstNonFinite()
	if err != nil || !found || !strings.Contains(what, "sqrt") {
		t.Errorf("found %q, %t, %v; want the sqrt", what, found, err)
	}
	for i := range data {
		data[i] = float32(math.Abs(float64(data[i])))
	}
	p.FeedFloats(x, data)
	if what, found, err := p.FirstNonFinite(); err != nil || found {
		t.Errorf("found %q, %v in a finite run", what, err)
	}
}

// TestRoles holds what roleOf says of every operation to the references: the
// parts of a batch give the parts of the result, or add up to it.
func TestRoles(t *testing.T) {
	divided := map[string]bool{}
	for _, c := range kernelstest.Cases() {
		if slices.ContainsFunc(c.In, func(o kernels.Operand) bool { return o.Shape.Size() > 1<<14 }) {
			continue
		}
		out, err := kernels.Infer(c.Spec, c.In...)
		if err != nil {
			t.Fatal(err)
		}
		s := &step{spec: c.Spec, out: &value{operand: out}}
		sizes := map[int]bool{}
		for _, o := range append([]kernels.Operand{out}, c.In...) {
			if len(o.Shape) > 0 && o.Shape[0] > 1 {
				sizes[o.Shape[0]] = true
			}
		}
		for _, o := range c.In {
			s.in = append(s.in, &value{operand: o})
		}
		for n := range sizes {
			r, ok := roleOf(s, n)
			if !ok {
				continue
			}
			divided[fmt.Sprintf("%T", c.Spec)] = true
			if err := checkRole(c, out, r, n); err != nil {
				t.Errorf("%v in %d parts: %v", c, n, err)
			}
		}
	}
	for _, s := range []kernels.Spec{kernels.Unary{}, kernels.Binary{}, kernels.Conv2D{}, kernels.Conv2DInputGrad{},
		kernels.Conv2DFilterGrad{}, kernels.MatMul{}, kernels.Sum{}, kernels.Mean{}, kernels.Gather{}, kernels.MaxPool2D{},
		kernels.MaxPool2DGrad{}, kernels.MaxPool2DSelect{}, kernels.AvgPool2D{}, kernels.AvgPool2DGrad{}, kernels.Upsample2D{},
		kernels.Upsample2DGrad{}, kernels.Concat{}, kernels.Slice{}, kernels.Pad{}, kernels.Broadcast{}, kernels.Reparameterize{},
		kernels.LogSumExp{}, kernels.Moments{}, kernels.OneHotMax{}, kernels.Cast{}} {
		if !divided[fmt.Sprintf("%T", s)] {
			t.Errorf("no case divides %T", s)
		}
	}
}

// checkRole computes a case sample by sample.
func checkRole(c kernelstest.Case, out kernels.Operand, r role, n int) error {
	in := c.Inputs(1)
	want := kernels.NewArray(out.Shape)
	c.Spec.Ref(want, in...)
	g := &segment{n: n, size: 1}
	spec := g.spec(&step{spec: c.Spec}, r)
	got := kernels.NewArray(out.Shape)
	_, moments := c.Spec.(kernels.Moments)
	all := kernels.NewArray(append(kernels.Shape{n}, out.Shape...)) // the parts' moments
	for sample := range n {
		part := make([]kernels.Array, len(in))
		for i, a := range in {
			part[i] = a
			if r.in[i] {
				part[i] = sampleOf(a, sample, n)
			}
		}
		if r.sum {
			one := kernels.NewArray(out.Shape)
			spec.Ref(one, part...)
			copy(all.Data[sample*len(one.Data):], one.Data)
			for i, v := range one.Data {
				got.Data[i] += v
			}
			continue
		}
		spec.Ref(sampleOf(got, sample, n), part...)
	}
	if _, ok := c.Spec.(kernels.Mean); ok && r.sum {
		for i := range got.Data {
			got.Data[i] *= float64(len(got.Data)) / float64(len(in[0].Data))
		}
	}
	if moments {
		merged := kernels.NewArray(append(kernels.Shape{2}, out.Shape...))
		kernels.Moments{Axes: kernels.AxesOf(0)}.Ref(merged, all)
		copy(got.Data, merged.Data[:len(got.Data)])
		for i := range len(got.Data) / 2 {
			got.Data[len(got.Data)/2+i] += merged.Data[len(got.Data)+i]
		}
	}
	return closeTo(got, want, 1e-9)
}

func sampleOf(a kernels.Array, i, n int) kernels.Array {
	shape := a.Shape.Clone()
	shape[0] = 1
	size := len(a.Data) / n
	return kernels.Array{Shape: shape, Data: a.Data[i*size : (i+1)*size]}
}
