package graph

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"hourglass/kernels"
	"hourglass/kernels/kernelstest"
)

// gradientCase is a case of kernelstest as a float64 graph y = spec(x…) with
// values for x, for a vector u of y's shape and for directions of both.
type gradientCase struct {
	b    *Builder
	spec kernels.Spec
	x    []*Node
	u, y *Node
	at   []kernels.Array // of x, then of u
	v    []kernels.Array // directions, as at; 0 for operands that are not floats
}

func newGradientCase(t *testing.T, c kernelstest.Case) *gradientCase {
	t.Helper()
	g := &gradientCase{b: NewBuilderOf(kernels.Float64), spec: c.Spec, at: c.SmoothInputs(1)}
	r := rand.New(rand.NewPCG(1, uint64(len(c.String()))))
	for i, o := range c.In {
		if o.DType == kernels.Float32 {
			o.DType = kernels.Float64
		}
		g.x = append(g.x, g.b.InputOf(o.DType, string(rune('a'+i)), o.Shape...))
		v := kernels.NewArray(o.Shape)
		if o.DType.Float() {
			v = direction(r, o.Shape)
		}
		g.v = append(g.v, v)
	}
	g.y = g.b.Apply(c.Spec, g.x...)
	shape := g.b.ShapeOf(g.y)
	g.u = g.b.Input("u", shape...)
	g.at, g.v = append(g.at, draw(r, shape...)), append(g.v, direction(r, shape))
	if err := g.b.Err(); err != nil {
		t.Fatal(err)
	}
	return g
}

// direction returns numbers from −1 to 1: a step along it stays away from the
// kinks that a case keeps clear of.
func direction(r *rand.Rand, shape kernels.Shape) kernels.Array {
	a := kernels.NewArray(shape)
	for i := range a.Data {
		a.Data[i] = 2*r.Float64() - 1
	}
	return a
}

// nodes returns x and u.
func (g *gradientCase) nodes() []*Node { return append(append([]*Node{}, g.x...), g.u) }

// step returns the values of x and u, moved by h along the direction.
func (g *gradientCase) step(h float64) feeds {
	in := feeds{}
	for i, n := range g.nodes() {
		moved := kernels.NewArray(g.at[i].Shape)
		for k, x := range g.at[i].Data {
			moved.Data[k] = x + h*g.v[i].Data[k]
		}
		in[n] = moved
	}
	return in
}

// wanted returns the operands that have a gradient.
func (g *gradientCase) wanted() []*Node {
	var by []*Node
	for i, ok := range differentiable(g.spec, len(g.x)) {
		if ok {
			by = append(by, g.x[i])
		}
	}
	return by
}

// along returns the directions of the nodes.
func (g *gradientCase) along(nodes []*Node) []kernels.Array {
	of := map[*Node]kernels.Array{}
	for i, n := range g.nodes() {
		of[n] = g.v[i]
	}
	v := make([]kernels.Array, len(nodes))
	for i, n := range nodes {
		v[i] = of[n]
	}
	return v
}

// dot returns ⟨a, b⟩ and the sum of the terms' magnitudes, which is what its
// rounding errors are relative to.
func dot(a, b []kernels.Array) (sum, size float64) {
	for i := range a {
		for k, x := range a[i].Data {
			sum += x * b[i].Data[k]
			size += math.Abs(x * b[i].Data[k])
		}
	}
	return sum, size
}

// gradientCases calls try with every case that has a rule for some operand, as
// a subtest.
func gradientCases(t *testing.T, try func(t *testing.T, c kernelstest.Case)) {
	for _, c := range kernelstest.Cases() {
		if c.NoGrad || withoutRule(c.Spec) {
			continue
		}
		t.Run(c.String(), func(t *testing.T) { try(t, c) })
	}
}

// withoutRule reports whether a Spec is one that only the fusion pass makes,
// when gradients are long there.
func withoutRule(s kernels.Spec) bool {
	_, isMap := s.(kernels.Map)
	e, ok := epilogueOf(s)
	return isMap || ok && e != kernels.Epilogue{}
}

// h is the step of finite differences. Their error is about h² of the third
// derivative, and 1e-16/h of the function's value.
const h = 1e-5

// TestGradients holds gorgonia.Grad of each case on TapeMachine to a finite
// difference in a random direction of all operands at once: ⟨v, Jᵀu⟩ = ⟨Jv, u⟩.
// An operand that is said to have no gradient must make no difference.
func TestGradients(t *testing.T) {
	gradientCases(t, func(t *testing.T, c kernelstest.Case) {
		g := newGradientCase(t, c)
		loss := g.b.Sum(g.b.Mul(g.u, g.y))
		by := g.wanted()
		grads := g.b.Gradients(loss, by...)
		if err := g.b.Err(); err != nil {
			t.Fatal(err)
		}
		got, size := dot(g.along(by), newTape(t, g.b.Graph(), grads...).run(t, g.step(0)))

		plus, minus := g.reference(h), g.reference(-h)
		change := kernels.NewArray(plus.Shape)
		for i := range change.Data {
			if x, y := plus.Data[i], minus.Data[i]; x != y { // both −∞ where nothing is summed
				change.Data[i] = (x - y) / (2 * h)
			}
		}
		want, more := dot([]kernels.Array{change}, g.at[len(g.x):])
		if !(math.Abs(got-want) <= 1e-7*(size+more)) {
			t.Errorf("⟨v, Jᵀu⟩ = %.15g, a finite difference gives %.15g", got, want)
		}
	})
}

// reference returns spec(x + step·v).
func (g *gradientCase) reference(step float64) kernels.Array {
	moved := g.step(step)
	in := make([]kernels.Array, len(g.x))
	for i, n := range g.x {
		in[i] = moved[n]
	}
	out := kernels.NewArray(g.b.ShapeOf(g.y))
	g.spec.Ref(out, in...)
	return out
}

// TestAdjoints holds the gradients of linear operations to the definition of
// the adjoint, ⟨f(v), u⟩ = ⟨v, fᵀu⟩, which is exact but for rounding.
func TestAdjoints(t *testing.T) {
	tried := map[string]bool{}
	gradientCases(t, func(t *testing.T, c kernelstest.Case) {
		for _, operands := range linearIn(c.Spec, len(c.In)) {
			tried[c.Spec.Name()] = true
			g := newGradientCase(t, c)
			var by []*Node
			for _, i := range operands {
				by = append(by, g.x[i])
				g.at[i] = g.v[i] // f(v) in place of f(x)
			}
			adjoint := VJP(g.b, []*Node{g.y}, []*Node{g.u}, by)
			if err := g.b.Err(); err != nil {
				t.Fatal(err)
			}
			m := newTape(t, g.b.Graph(), append(adjoint, g.y)...).run(t, g.step(0))
			got, size := dot(g.along(by), m[:len(by)])
			want, more := dot(m[len(by):], g.at[len(g.x):])
			if !(math.Abs(got-want) <= 1e-13*(size+more)) {
				t.Errorf("operands %v: ⟨v, fᵀu⟩ = %.17g, ⟨f(v), u⟩ = %.17g", operands, got, want)
			}
		}
	})
	for _, name := range []string{"conv2d", "conv2dinputgrad", "conv2dfiltergrad", "matmul", "avgpool2d", "upsample2d", "transpose"} {
		if !tried[name] {
			t.Errorf("%s was not tried", name)
		}
	}
}

// linearIn returns the sets of operands in which an operation is linear.
func linearIn(s kernels.Spec, n int) [][]int {
	switch s := s.(type) {
	case kernels.Conv2D, kernels.Conv2DInputGrad, kernels.Conv2DFilterGrad, kernels.MatMul:
		return [][]int{{0}, {1}}
	case kernels.Sum, kernels.Mean, kernels.Reshape, kernels.Transpose, kernels.Slice, kernels.Pad, kernels.Broadcast,
		kernels.AvgPool2D, kernels.AvgPool2DGrad, kernels.Upsample2D, kernels.Upsample2DGrad:
		return [][]int{{0}}
	case kernels.MaxPool2DGrad, kernels.MaxPool2DSelect:
		return [][]int{{1}}
	case kernels.Concat:
		all := make([]int, n)
		for i := range all {
			all[i] = i
		}
		return [][]int{all}
	case kernels.Unary:
		if s.Fn == kernels.Copy || s.Fn == kernels.Neg || s.Fn == kernels.Scale {
			return [][]int{{0}}
		}
	case kernels.Binary:
		switch {
		case s.Fn == kernels.Add || s.Fn == kernels.Sub:
			return [][]int{{0, 1}}
		case s.Fn == kernels.Mul:
			return [][]int{{0}, {1}}
		case isActivationGrad(s.Fn):
			return [][]int{{1}}
		}
	}
	return nil
}

// TestSecondGradients differentiates each case's vector-Jacobian product once
// more, by VJP: the derivative of Σ⟨w, Jᵀu⟩ by x and u in a random direction is
// held to a finite difference. So every operation that a rule emits has a rule.
func TestSecondGradients(t *testing.T) {
	gradientCases(t, func(t *testing.T, c kernelstest.Case) {
		g := newGradientCase(t, c)
		b := g.b
		var inner, outer []*Node
		r := rand.New(rand.NewPCG(2, uint64(len(c.String()))))
		w := feeds{}
		for i, n := range VJP(b, []*Node{g.y}, []*Node{g.u}, g.wanted()) {
			weight := b.Input(fmt.Sprint("w", i), b.ShapeOf(n)...)
			inner, outer = append(inner, n), append(outer, weight)
			w[weight] = draw(r, b.ShapeOf(n)...)
		}
		by := append(g.wanted(), g.u)
		grads := VJP(b, inner, outer, by)
		if err := b.Err(); err != nil {
			t.Fatal(err)
		}
		var found, dirs []*Node
		for i, n := range grads {
			if n != nil {
				found, dirs = append(found, n), append(dirs, by[i])
			}
		}
		m := newTape(t, b.Graph(), append(found, inner...)...)
		at := func(step float64) []kernels.Array {
			in := g.step(step)
			for n, a := range w {
				in[n] = a
			}
			return m.run(t, in)
		}
		got, size := dot(g.along(dirs), at(0)[:len(found)])
		var weights []kernels.Array
		for _, n := range outer {
			weights = append(weights, w[n])
		}
		plus, more := dot(weights, at(h)[len(found):])
		minus, _ := dot(weights, at(-h)[len(found):])
		if want := (plus - minus) / (2 * h); !(math.Abs(got-want) <= 1e-7*(size+more)) {
			t.Errorf("the second derivative is %.15g, a finite difference gives %.15g", got, want)
		}
	})
}

// TestVJPPassesByNoise: noise takes its shape from an operand that it has no
// gradient by, and VJP must not ask for one.
func TestVJPPassesByNoise(t *testing.T) {
	b := NewBuilderOf(kernels.Float64)
	x, step := b.Input("x", 3), b.InputOf(kernels.Int32, "step", 1)
	y := b.Fn(kernels.Square, 0, b.Add(x, b.Apply(kernels.Noise{Seed: 1}, x, step)))
	ones := b.Input("ones", 3)
	grad := VJP(b, []*Node{y}, []*Node{ones}, []*Node{x, step})
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	if grad[1] != nil {
		t.Errorf("the gradient by the step counter is %v, want nil", grad[1])
	}
	in := feeds{x: {Shape: kernels.Shape{3}, Data: []float64{1, 2, 3}}, step: kernels.NewArray(kernels.Shape{1}), ones: {Shape: kernels.Shape{3}, Data: []float64{1, 1, 1}}}
	out := newTape(t, b.Graph(), grad[0], y).run(t, in)
	for i, g := range out[0].Data {
		if want := 2 * math.Sqrt(out[1].Data[i]); !(math.Abs(math.Abs(g)-want) <= 1e-12) {
			t.Errorf("the gradient of element %d is %v, want ±%v", i, g, want)
		}
	}
}

// TestNetGradients holds the gradients of whole nets, one with a gradient inside
// its loss, to finite differences in a random direction of all parameters.
func TestNetGradients(t *testing.T) {
	for name, build := range nets {
		n := build(t, kernels.Float64)
		r := rand.New(rand.NewPCG(9, 9))
		var along []kernels.Array
		for _, p := range n.b.Params() {
			along = append(along, direction(r, p.Shape))
		}
		m := newTape(t, n.b.Graph(), append([]*Node{n.loss}, n.grads...)...)
		at := func(step float64) []kernels.Array {
			in := feeds{}
			for node, a := range n.in {
				in[node] = a
			}
			for i, p := range n.b.Params() {
				moved := kernels.NewArray(p.Shape)
				for k, x := range n.in[p.Node].Data {
					moved.Data[k] = x + step*along[i].Data[k]
				}
				in[p.Node] = moved
			}
			return m.run(t, in)
		}
		const h = 1e-6 // few kinks lie within it
		got, size := dot(along, at(0)[1:])
		if want := (at(h)[0].Data[0] - at(-h)[0].Data[0]) / (2 * h); !(math.Abs(got-want) <= 1e-7*size) {
			t.Errorf("%s: the loss changes by %.12g, a finite difference gives %.12g", name, got, want)
		}
	}
}
