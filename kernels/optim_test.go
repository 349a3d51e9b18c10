package kernels

import (
	"math"
	"testing"
)

// TestOptimizersGolden follows PyTorch's trajectories.
func TestOptimizersGolden(t *testing.T) {
	for _, c := range goldens(t, "optimizer") {
		t.Run(c.Name, func(t *testing.T) {
			o := c.Options
			var s Optimizer
			switch o.Algorithm {
			case "sgd":
				s = SGD{Momentum: o.Momentum, WeightDecay: o.WeightDecay}
			case "adam", "adamw":
				s = Adam{Beta1: o.Betas[0], Beta2: o.Betas[1], Epsilon: o.Eps, WeightDecay: o.WeightDecay, Decoupled: o.Algorithm == "adamw"}
			case "rmsprop":
				s = RMSProp{Alpha: o.Alpha, Epsilon: o.Eps, Momentum: o.Momentum, WeightDecay: o.WeightDecay}
			default:
				t.Fatalf("no optimizer %s", o.Algorithm)
			}
			got := follow(t, s, o.LR, c.tensor(t, "w"), c.tensor(t, "gradients"))
			c.near(t, got, c.tensor(t, "trajectory"), s.Name())
		})
	}
}

// follow returns the weights after each step on a row of gradients.
func follow(t *testing.T, s Optimizer, rate float64, w, gradients Array) Array {
	n := w.Shape.Size()
	state := NewArray(Shape{s.StateRows(), n})
	copy(state.Data, w.Data)
	path := NewArray(gradients.Shape)
	for step := range gradients.Shape[0] {
		g := Array{Shape{n}, gradients.Data[step*n:][:n]}
		state = apply(t, s, state, g, Array{Shape{1}, []float64{rate}}, Array{Shape{1}, []float64{float64(step)}})
		copy(path.Data[step*n:], state.Data[:n])
	}
	return path
}

// TestSGDVariants follows PyTorch 2.15's SGD where the golden files do not:
// lr 0.1, momentum 0.9, weight 1, gradients 0.5, −0.25, 2, in float64.
func TestSGDVariants(t *testing.T) {
	for _, c := range []struct {
		s    SGD
		want []float64
	}{
		{SGD{Momentum: 0.9, Nesterov: true}, []float64{0.905, 0.912, 0.5158}},
		{SGD{Momentum: 0.9, WeightDecay: 0.1, Nesterov: true}, []float64{0.886, 0.868066, 0.44090614599999994}},
		{SGD{Momentum: 0.9, Dampening: 0.5}, []float64{0.95, 0.9175, 0.78825}},
	} {
		got := follow(t, c.s, 0.1, Array{Shape{1}, []float64{1}}, Array{Shape{3, 1}, []float64{0.5, -0.25, 2}})
		for i, w := range c.want {
			if !(math.Abs(got.Data[i]-w) <= 1e-15) {
				t.Errorf("%+v: weight %v after step %d, want %v", c.s, got.Data[i], i, w)
			}
		}
	}
}

func TestClipGolden(t *testing.T) {
	for _, c := range goldens(t, "clip_grad_norm") {
		var arena, want []float64
		for _, key := range []string{"a", "b"} {
			arena = append(arena, c.tensor(t, key).Data...)
			want = append(want, c.tensor(t, key+"_after").Data...)
		}
		n := Shape{len(arena)}
		got := apply(t, ClipByGlobalNorm{Max: c.Options.MaxNorm}, Array{n, arena})
		c.near(t, got, Array{n, want}, c.Name)
	}
}

// TestRunningStatsGolden gives it the moments of PyTorch's batches.
func TestRunningStatsGolden(t *testing.T) {
	for _, c := range goldens(t, "batch_norm") {
		if !c.Options.Training {
			continue
		}
		x, mean, variance := c.tensor(t, "x"), c.tensor(t, "running_mean"), c.tensor(t, "running_var")
		channels := mean.Shape[0]
		count := len(x.Data) / channels
		moments := NewArray(Shape{2, channels})
		for i, v := range x.Data {
			moments.Data[i%channels] += v / float64(count)
		}
		for i, v := range x.Data {
			d := v - moments.Data[i%channels]
			moments.Data[channels+i%channels] += d * d / float64(count)
		}
		running := Array{Shape{2, channels}, append(append([]float64{}, mean.Data...), variance.Data...)}
		got := apply(t, RunningStats{Momentum: c.Options.Momentum, Count: count}, running, moments)
		c.near(t, Array{Shape{channels}, got.Data[:channels]}, c.tensor(t, "running_mean_after"), "mean")
		c.near(t, Array{Shape{channels}, got.Data[channels:]}, c.tensor(t, "running_var_after"), "variance")
	}
}

func TestOptimizerErrors(t *testing.T) {
	good := func(rows int) []Operand {
		return []Operand{{Float32, Shape{rows, 5}}, {Float32, Shape{5}}, {Float32, Shape{1}}, {Int32, Shape{1}}}
	}
	with := func(rows, at int, o Operand) []Operand {
		in := good(rows)
		in[at] = o
		return in
	}
	usual := Adam{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}
	for _, c := range []struct {
		s    Spec
		in   []Operand
		want string
	}{
		{usual, good(2), "adam: state [2 5], want [3 n]"},
		{usual, good(3)[:2], "adam: wants 4 operands, got 2"},
		{usual, with(3, 1, Operand{Float32, Shape{6}}), "adam: gradient [6], want [5] as the state is [3 5]"},
		{usual, with(3, 2, Operand{Float32, Shape{}}), "adam: rate has shape [], want [1]"},
		{usual, with(3, 3, Operand{Int32, Shape{2}}), "adam: step has shape [2], want [1]"},
		{usual, with(3, 3, Operand{Float32, Shape{1}}), "adam: step is float32, want int32"},
		{usual, with(3, 2, Operand{Float64, Shape{1}}), "adam: rate is float64, want state, gradient and rate of one floating-point type (the state is float32)"},
		{Adam{Beta1: 1, Beta2: 0.9}, good(3), "adam: beta1 1, want at least 0 and less than 1"},
		{Adam{Beta2: -0.1, Decoupled: true}, good(3), "adamw: beta2 -0.1, want at least 0 and less than 1"},
		{SGD{Momentum: 0.9}, good(1), "sgd: state [1 5], want [2 n]"},
		{SGD{WeightDecay: math.NaN()}, good(1), "sgd: weight decay NaN, want a finite number of at least 0"},
		{SGD{Nesterov: true}, good(1), "sgd: Nesterov wants a momentum and no dampening, got 0 and 0"},
		{RMSProp{Alpha: 1.5}, good(2), "rmsprop: alpha 1.5, want at least 0 and less than 1"},
		{RMSProp{Momentum: 0.9}, good(2), "rmsprop: state [2 5], want [3 n]"},
		{ClipByGlobalNorm{}, good(1)[:1], "clipbyglobalnorm: norm 0, want a finite number above 0"},
		{EMA{Decay: 1.1}, with(1, 0, Operand{Float32, Shape{5}})[:2], "ema: decay 1.1, want 0 to 1"},
		{EMA{}, good(1)[:2], "ema: value [5], want [1 5] as the average"},
		{RunningStats{Momentum: 0.1, Count: 1}, good(2)[:2], "runningstats: moments of 1 values, want at least 2: one value has no unbiased variance"},
		{RunningStats{Momentum: 0.1, Count: 9}, good(3)[:2], "runningstats: running statistics [3 5], want [2 C]"},
		{RunningStats{Momentum: 0.1, Count: 9}, good(2)[:2], "runningstats: moments [5], want [2 5] as the running statistics"},
	} {
		if _, err := Infer(c.s, c.in...); err == nil || err.Error() != c.want {
			t.Errorf("%+v: got error %v, want %s", c.s, err, c.want)
		}
	}
}
