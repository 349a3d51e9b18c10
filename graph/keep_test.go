package graph

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hourglass/kernels"
)

// keptVariables are two parameters, one of them with no other element than one,
// with moments, and a fixed variable.
func keptVariables(t *testing.T, dev kernels.Device, average bool) *Variables {
	t.Helper()
	b := NewBuilder()
	b.Param("weight", numbered, 5, 7)
	b.Param("scale", numbered)
	b.Variable("running", numbered, 2, 7)
	v, err := NewVariables(dev, b.Params(), VariableOptions{Rows: 3, Average: average})
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Init(3); err != nil {
		t.Fatal(err)
	}
	return v
}

func mustState(t *testing.T, v *Variables) []Array {
	t.Helper()
	state, err := v.State()
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// TestKeep changes all that training does, twice, and goes back each time.
func TestKeep(t *testing.T) {
	for _, average := range []bool{false, true} {
		v := keptVariables(t, newRecorder(t), average)
		for round := range 2 {
			if err := v.Keep(); err != nil {
				t.Fatal(err)
			}
			before := mustState(t, v)
			changed := mustState(t, v)
			for _, a := range changed {
				for i := range a.Data {
					a.Data[i] += float32(round + 1)
				}
			}
			if err := v.SetState(changed); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(changed, mustState(t, v)); diff != "" {
				t.Fatalf("the state is not what it was set to: %s", diff)
			}
			v.Rewind()
			if diff := cmp.Diff(before, mustState(t, v)); diff != "" {
				t.Errorf("with average %v, round %d: going back leaves a difference: %s", average, round, diff)
			}
			if err := v.SetState(changed); err != nil { // the second round starts from here
				t.Fatal(err)
			}
		}
	}
}

func TestKeepErrors(t *testing.T) {
	dev := newRecorder(t)
	plain := struct{ kernels.Device }{dev}
	if err := keptVariables(t, plain, false).Keep(); err == nil || err.Error() != "graph: "+dev.Name()+" cannot copy within its memory" {
		t.Errorf("a device that cannot copy gives %v", err)
	}
	full := &fullDevice{dev, 1 << 20}
	v := keptVariables(t, full, false)
	full.free = v.state.Len() // but not what is fixed
	for range 2 {
		if err := v.Keep(); err == nil || err.Error() != "graph: copy of the variables: no room" {
			t.Errorf("a device without room gives %v", err)
		}
	}
}

// TestFinite puts numbers that are not finite, or are too large to be summed, in
// the first and last places of parameters and moments.
func TestFinite(t *testing.T) {
	v := keptVariables(t, newRecorder(t), false)
	if err := v.Keep(); err != nil {
		t.Fatal(err)
	}
	check := func(what string, want bool) {
		t.Helper()
		if ok, err := v.Finite(); err != nil || ok != want {
			t.Errorf("with %s: %v, %v; want %v", what, ok, err, want)
		}
	}
	check("numbers", true)
	last := v.rows*v.n - 1
	for what, bad := range map[string][2]float64{"NaN": {math.NaN(), 0}, "an infinity": {0, math.Inf(1)}, "two": {math.Inf(1), math.Inf(-1)}, "large ones": {3e38, 3e38}} {
		value := make([]float32, last+1)
		value[0], value[last] = float32(bad[0]), float32(bad[1])
		if err := v.dev.Upload(v.state, bytesOf(value)); err != nil {
			t.Fatal(err)
		}
		check(what, false)
		v.Rewind()
		check("numbers again", true)
	}
	b := NewBuilder()
	none, err := NewVariables(newRecorder(t), b.Params(), VariableOptions{Rows: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := none.Keep(); err != nil {
		t.Fatal(err)
	}
	if ok, err := none.Finite(); !ok || err != nil {
		t.Errorf("no variables: %v, %v", ok, err)
	}
}

// TestFiniteGradients differentiates w·x, whose gradient is x.
func TestFiniteGradients(t *testing.T) {
	b := NewBuilder()
	w, x := b.Param("w", numbered, 4), b.Input("x", 4)
	loss := b.Apply(kernels.Sum{Axes: kernels.AllAxes(1)}, b.Mul(w, x))
	grads := b.Gradients(loss, w)
	rate, step := b.Input("rate", 1), b.InputOf(kernels.Int32, "step", 1)
	dev := newRecorder(t)
	adam := kernels.Adam{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}
	v, err := NewVariables(dev, b.Params(), VariableOptions{Rows: adam.StateRows()})
	if err != nil {
		t.Fatal(err)
	}
	p, err := CompileWith(b.Graph(), dev, Options{Variables: v, Update: &Update{Params: []*Node{w}, Grads: grads, Optimizer: adam, LearningRate: rate, Step: step}}, loss)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Keep(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		last float32
		want bool
	}{{1, true}, {float32(math.Inf(-1)), false}, {2, true}, {float32(math.NaN()), false}} {
		for _, err := range []error{p.FeedFloats(x, []float32{1, 2, 3, c.last}), p.FeedFloats(rate, []float32{0}), p.FeedInts(step, []int32{0}), p.Compute()} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if ok, err := v.FiniteGradients(); err != nil || ok != c.want {
			t.Errorf("with a gradient of %v: %v, %v; want %v", c.last, ok, err, c.want)
		}
		if ok, err := v.Finite(); err != nil || !ok {
			t.Errorf("with a gradient of %v the weights are said not to be finite (error %v)", c.last, err)
		}
	}
}
