package graph

import (
	"math"
	"testing"

	"hourglass/kernels"
)

// A training is a program that updates a net's parameters.
type training struct {
	n          *net
	p          *Program
	vars       *Variables
	rate, step *Node
}

// newTraining compiles a step of the optimizer for a float32 net.
func newTraining(t testing.TB, n *net, o kernels.Optimizer, clip float64) *training {
	t.Helper()
	return newTrainingWith(t, n, o, clip, Options{})
}

// newTrainingWith is newTraining with options of the compiler.
func newTrainingWith(t testing.TB, n *net, o kernels.Optimizer, clip float64, options Options) *training {
	t.Helper()
	dev := newCPU(t, 2)
	tr := &training{n: n, rate: n.b.Input("rate", 1), step: n.b.InputOf(kernels.Int32, "counter", 1)}
	var err error
	if tr.vars, err = NewVariables(dev, n.b.Params(), VariableOptions{Rows: o.StateRows(), Average: true}); err != nil {
		t.Fatal(err)
	}
	if err := tr.vars.Init(1); err != nil {
		t.Fatal(err)
	}
	for _, p := range n.b.Params() {
		if err := tr.vars.Set(p.Name, narrow[float32](n.in[p.Node].Data)); err != nil {
			t.Fatal(err)
		}
	}
	options.Variables, options.Update = tr.vars, &Update{
		Params: n.b.Trainable(), Grads: n.grads, Optimizer: o, ClipNorm: clip, LearningRate: tr.rate, Step: tr.step,
		AverageDecay: 0.5, Assign: n.b.Assignments(),
	}
	tr.p, err = CompileWith(n.b.Graph(), dev, options, n.loss)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// feed gives all inputs their values for a step.
func (tr *training) feed(t testing.TB, step int32) {
	t.Helper()
	tr.n.in[tr.rate] = kernels.Array{Shape: kernels.Shape{1}, Data: []float64{0.01}}
	tr.n.in[tr.step] = kernels.Array{Shape: kernels.Shape{1}, Data: []float64{float64(step)}}
	for n, a := range tr.n.in {
		if v := tr.p.nodes[n]; v == nil || v.home != isInput {
			continue
		}
		o, _ := operandOf(n)
		if err := tr.p.Feed(n, tensorOf(valueOf(a, o.DType))); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTrainingAgainstTapeMachine takes ten steps with each optimizer against
// TapeMachine's gradients and the optimizer's reference: losses, weights and
// averages.
func TestTrainingAgainstTapeMachine(t *testing.T) {
	for name, build := range nets {
		for _, try := range []struct {
			o    kernels.Optimizer
			clip float64
		}{
			{kernels.Adam{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}, 0},
			{kernels.Adam{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: 0.1, Decoupled: true}, 0.1},
			{kernels.SGD{Momentum: 0.9, Nesterov: true}, 0.5},
			{kernels.RMSProp{Alpha: 0.99, Epsilon: 1e-3}, 0},
		} {
			t.Run(name+"/"+try.o.Name(), func(t *testing.T) {
				n := build(t, kernels.Float32)
				tr := newTraining(t, n, try.o, try.clip)
				m := newTape(t, n.b.Graph(), append([]*Node{n.loss}, n.grads...)...)
				hand := newHandOptimizer(n, try.o, try.clip)
				for step := range int32(10) {
					tr.feed(t, step)
					if err := tr.p.Run(); err != nil {
						t.Fatal(err)
					}
					got, err := tr.p.Scalar(n.loss)
					if err != nil {
						t.Fatal(err)
					}
					out := m.run(t, hand.feeds())
					if want := out[0].Data[0]; !(math.Abs(got-want) <= 1e-4*math.Abs(want)) {
						t.Fatalf("step %d: loss %v, want %v", step, got, want)
					}
					hand.step(out[1:], 0.01, float64(step))
				}
				for i, p := range n.b.Params() {
					hand.check(t, i, p.Name, tr.vars)
				}
			})
		}
	}
}

// handOptimizer trains one parameter after the other by the optimizer's
// reference.
type handOptimizer struct {
	n       *net
	o       kernels.Optimizer
	clip    float64
	state   []kernels.Array
	average []kernels.Array
}

func newHandOptimizer(n *net, o kernels.Optimizer, clip float64) *handOptimizer {
	hand := &handOptimizer{n: n, o: o, clip: clip}
	for _, p := range n.b.Params() {
		size := p.Shape.Size()
		state := kernels.NewArray(kernels.Shape{o.StateRows(), size})
		copy(state.Data, n.in[p.Node].Data)
		hand.state = append(hand.state, state)
		hand.average = append(hand.average, kernels.NewArray(kernels.Shape{size})) // as Init leaves it
	}
	return hand
}

// feeds returns the net's inputs with the weights as trained so far.
func (o *handOptimizer) feeds() feeds {
	in := feeds{}
	for n, a := range o.n.in {
		in[n] = a
	}
	for i, p := range o.n.b.Params() {
		in[p.Node] = kernels.Array{Shape: p.Shape, Data: append([]float64{}, o.state[i].Data[:p.Shape.Size()]...)}
	}
	return in
}

func (o *handOptimizer) step(grads []kernels.Array, rate, step float64) {
	norm := 0.0
	for _, g := range grads {
		for _, x := range g.Data {
			norm += x * x
		}
	}
	factor := 1.0
	if o.clip > 0 {
		factor = kernels.ClipByGlobalNorm{Max: o.clip}.Factor(math.Sqrt(norm))
	}
	for i, g := range grads {
		flat := kernels.NewArray(kernels.Shape{len(g.Data)})
		for k, x := range g.Data {
			flat.Data[k] = factor * x
		}
		one := func(v float64) kernels.Array { return kernels.Array{Shape: kernels.Shape{1}, Data: []float64{v}} }
		next := kernels.NewArray(o.state[i].Shape)
		o.o.Ref(next, o.state[i], flat, one(rate), one(step))
		o.state[i] = next
		for k := range o.average[i].Data {
			o.average[i].Data[k] = 0.5*o.average[i].Data[k] + 0.5*next.Data[k]
		}
	}
}

// check holds a variable's value and average to those trained by hand, within
// 1e-4 of the largest.
func (o *handOptimizer) check(t *testing.T, i int, name string, vars *Variables) {
	t.Helper()
	size := len(o.average[i].Data)
	for what, try := range map[string]struct {
		got  func(string) ([]float32, error)
		want []float64
	}{
		"value":   {vars.Get, o.state[i].Data[:size]},
		"average": {vars.Average, o.average[i].Data},
	} {
		v, err := try.got(name)
		if err != nil {
			t.Fatal(err)
		}
		got := kernels.NewArray(kernels.Shape{size})
		widen(got.Data, v)
		if err := closeTo(got, kernels.Array{Shape: got.Shape, Data: try.want}, 1e-4); err != nil {
			t.Errorf("%s's %s: %v", name, what, err)
		}
	}
}
