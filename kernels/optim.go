package kernels

import (
	"fmt"
	"math"
)

// An Optimizer is a Spec that takes one training step for all parameters at
// once:
//
//	(state [k n], gradient [n], rate [1], step int32[1]) → new state [k n]
//
// Row 0 of the state holds the n weights, the other rows what the optimizer
// remembers of each, 0 before the first step. rate is the learning rate, step
// counts from 0. The updates and their order are those of PyTorch's optimizer
// of the same name.
type Optimizer interface {
	Spec
	Typed
	// StateRows returns k.
	StateRows() int
}

// SGD is stochastic gradient descent, with momentum as Sutskever, Martens, Dahl
// and Hinton (On the importance of initialization and momentum, 2013). With the
// gradient g, the weight w and the buffer b:
//
//	g = g + WeightDecay·w
//	b = Momentum·b + (1−Dampening)·g, but g at step 0
//	w = w − rate·b, with Nesterov w − rate·(g + Momentum·b)
//
// Without momentum there is no buffer, and w = w − rate·g.
type SGD struct {
	Momentum, Dampening, WeightDecay float64
	Nesterov                         bool
}

// Adam divides a running mean of the gradient by the root of that of its square
// (Kingma and Ba, Adam: A Method for Stochastic Optimization, 2015). With the
// gradient g, the weight w, the moments m and v and t = step+1:
//
//	g = g + WeightDecay·w, with Decoupled instead w = w − rate·WeightDecay·w
//	m = m + (1−Beta1)·(g−m)
//	v = Beta2·v + (1−Beta2)·g²
//	w = w − rate/(1−Beta1ᵗ) · m / (√v/√(1−Beta2ᵗ) + Epsilon)
//
// Decoupled makes it AdamW (Loshchilov and Hutter, Decoupled Weight Decay
// Regularization, 2019). The usual values are 0.9, 0.999 and 1e-8.
type Adam struct {
	Beta1, Beta2, Epsilon, WeightDecay float64
	Decoupled                          bool
}

// RMSProp divides the gradient by the root of a running mean of its square
// (Hinton, Neural Networks for Machine Learning, lecture 6, 2012). With the
// gradient g, the weight w, the mean square v and the buffer b:
//
//	g = g + WeightDecay·w
//	v = Alpha·v + (1−Alpha)·g²
//	b = Momentum·b + g/(√v + Epsilon)
//	w = w − rate·b
//
// Without momentum there is no buffer, and w = w − rate·g/(√v + Epsilon). The
// usual Alpha is 0.99, the usual Epsilon 1e-8.
type RMSProp struct {
	Alpha, Epsilon, Momentum, WeightDecay float64
}

// ClipByGlobalNorm shortens a gradient that is longer than Max: g →
// g·min(1, Max/(‖g‖₂ + 1e-6)), the norm taken over all elements, as PyTorch's
// clip_grad_norm_ (Pascanu, Mikolov and Bengio, On the difficulty of training
// recurrent neural networks, 2013). A gradient with a NaN becomes all NaN.
type ClipByGlobalNorm struct{ Max float64 }

// EMA moves an average towards a value: (average, value) → Decay·average +
// (1−Decay)·value.
type EMA struct{ Decay float64 }

// RunningStats moves batch normalisation's running mean and variance towards
// those of a batch: (running [2 C], moments [2 C]) → (1−Momentum)·running +
// Momentum·(mean, var·Count/(Count−1)). Row 0 holds means, row 1 variances;
// Count is the number of values behind each moment, and the correction makes
// the variance unbiased, as in PyTorch.
type RunningStats struct {
	Momentum float64
	Count    int
}

// Name returns "sgd".
func (SGD) Name() string { return "sgd" }

// Name returns "adam", or "adamw" with Decoupled.
func (s Adam) Name() string {
	if s.Decoupled {
		return "adamw"
	}
	return "adam"
}

// Name returns "rmsprop".
func (RMSProp) Name() string { return "rmsprop" }

// Name returns "clipbyglobalnorm".
func (ClipByGlobalNorm) Name() string { return "clipbyglobalnorm" }

// Name returns "ema".
func (EMA) Name() string { return "ema" }

// Name returns "runningstats".
func (RunningStats) Name() string { return "runningstats" }

// StateRows returns 1, or 2 with momentum: weights and buffer.
func (s SGD) StateRows() int {
	if s.Momentum == 0 {
		return 1
	}
	return 2
}

// StateRows returns 3: weights, first and second moments.
func (Adam) StateRows() int { return 3 }

// StateRows returns 2, or 3 with momentum: weights, mean squares and buffer.
func (s RMSProp) StateRows() int {
	if s.Momentum == 0 {
		return 2
	}
	return 3
}

// Infer returns the state's shape.
func (s SGD) Infer(in ...Shape) (Shape, error) {
	if s.Nesterov && (s.Momentum == 0 || s.Dampening != 0) {
		return nil, fmt.Errorf("sgd: Nesterov wants a momentum and no dampening, got %g and %g", s.Momentum, s.Dampening)
	}
	return inferOptimizer(s, in, option{"momentum", s.Momentum, 1}, option{"dampening", s.Dampening, inf}, option{"weight decay", s.WeightDecay, inf})
}

// Infer returns the state's shape.
func (s Adam) Infer(in ...Shape) (Shape, error) {
	return inferOptimizer(s, in, option{"beta1", s.Beta1, 1}, option{"beta2", s.Beta2, 1},
		option{"epsilon", s.Epsilon, inf}, option{"weight decay", s.WeightDecay, inf})
}

// Infer returns the state's shape.
func (s RMSProp) Infer(in ...Shape) (Shape, error) {
	return inferOptimizer(s, in, option{"alpha", s.Alpha, 1}, option{"momentum", s.Momentum, 1},
		option{"epsilon", s.Epsilon, inf}, option{"weight decay", s.WeightDecay, inf})
}

// InferType returns the state's type.
func (s SGD) InferType(in ...DType) (DType, error) { return inferOptimizerType(s, in) }

// InferType returns the state's type.
func (s Adam) InferType(in ...DType) (DType, error) { return inferOptimizerType(s, in) }

// InferType returns the state's type.
func (s RMSProp) InferType(in ...DType) (DType, error) { return inferOptimizerType(s, in) }

var inf = math.Inf(1)

// An option is a number of an optimizer, which must be at least 0 and below a
// bound.
type option struct {
	name         string
	value, below float64
}

func (o option) check(s Spec) error {
	switch {
	case o.value >= 0 && o.value < o.below:
		return nil
	case o.below == inf:
		return fmt.Errorf("%s: %s %g, want a finite number of at least 0", s.Name(), o.name, o.value)
	}
	return fmt.Errorf("%s: %s %g, want at least 0 and less than %g", s.Name(), o.name, o.value, o.below)
}

func inferOptimizer(s Optimizer, in []Shape, options ...option) (Shape, error) {
	if err := arity(s, 4, in); err != nil {
		return nil, err
	}
	for _, o := range options {
		if err := o.check(s); err != nil {
			return nil, err
		}
	}
	state, gradient := in[0], in[1]
	if len(state) != 2 || state[0] != s.StateRows() {
		return nil, fmt.Errorf("%s: state %v, want [%d n]", s.Name(), state, s.StateRows())
	}
	if !gradient.Equal(state[1:]) {
		return nil, fmt.Errorf("%s: gradient %v, want %v as the state is %v", s.Name(), gradient, state[1:], state)
	}
	for i, name := range []string{"rate", "step"} {
		if !in[2+i].Equal(Shape{1}) {
			return nil, fmt.Errorf("%s: %s has shape %v, want [1]", s.Name(), name, in[2+i])
		}
	}
	return state, nil
}

func inferOptimizerType(s Optimizer, in []DType) (DType, error) {
	for i, name := range []string{"state", "gradient", "rate"} {
		if in[i] != in[0] || !in[i].Float() {
			return 0, fmt.Errorf("%s: %s is %v, want state, gradient and rate of one floating-point type (the state is %v)", s.Name(), name, in[i], in[0])
		}
	}
	if in[3] != Int32 {
		return 0, fmt.Errorf("%s: step is %v, want int32", s.Name(), in[3])
	}
	return in[0], nil
}

// Ref takes the step.
func (s SGD) Ref(out Array, in ...Array) {
	n, rate, step := in[1].Shape[0], in[2].Data[0], in[3].Data[0]
	for i, g := range in[1].Data {
		w := in[0].Data[i]
		g += s.WeightDecay * w
		if s.Momentum != 0 {
			b := g
			if step != 0 {
				b = s.Momentum*in[0].Data[n+i] + (1-s.Dampening)*g
			}
			out.Data[n+i] = b
			if s.Nesterov {
				b = g + s.Momentum*b
			}
			g = b
		}
		out.Data[i] = w - rate*g
	}
}

// Ref takes the step.
func (s Adam) Ref(out Array, in ...Array) {
	n, rate, t := in[1].Shape[0], in[2].Data[0], in[3].Data[0]+1
	size := rate / (1 - math.Pow(s.Beta1, t))
	root := math.Sqrt(1 - math.Pow(s.Beta2, t))
	for i, g := range in[1].Data {
		w, m, v := in[0].Data[i], in[0].Data[n+i], in[0].Data[2*n+i]
		if s.Decoupled {
			w -= rate * s.WeightDecay * w
		} else {
			g += s.WeightDecay * w
		}
		m += (1 - s.Beta1) * (g - m)
		v = s.Beta2*v + (1-s.Beta2)*g*g
		out.Data[i] = w - size*m/(math.Sqrt(v)/root+s.Epsilon)
		out.Data[n+i], out.Data[2*n+i] = m, v
	}
}

// Ref takes the step.
func (s RMSProp) Ref(out Array, in ...Array) {
	n, rate := in[1].Shape[0], in[2].Data[0]
	for i, g := range in[1].Data {
		w := in[0].Data[i]
		g += s.WeightDecay * w
		v := s.Alpha*in[0].Data[n+i] + (1-s.Alpha)*g*g
		g /= math.Sqrt(v) + s.Epsilon
		if s.Momentum != 0 {
			g += s.Momentum * in[0].Data[2*n+i]
			out.Data[2*n+i] = g
		}
		out.Data[i], out.Data[n+i] = w-rate*g, v
	}
}

// Infer returns the gradient's shape.
func (s ClipByGlobalNorm) Infer(in ...Shape) (Shape, error) {
	if err := arity(s, 1, in); err != nil {
		return nil, err
	}
	if !(s.Max > 0 && s.Max < inf) {
		return nil, fmt.Errorf("clipbyglobalnorm: norm %g, want a finite number above 0", s.Max)
	}
	return in[0], nil
}

// Factor returns what a gradient of the given norm is multiplied with.
func (s ClipByGlobalNorm) Factor(norm float64) float64 { return math.Min(1, s.Max/(norm+1e-6)) }

// Ref shortens the gradient.
func (s ClipByGlobalNorm) Ref(out Array, in ...Array) {
	sum := 0.0
	for _, g := range in[0].Data {
		sum += g * g
	}
	factor := s.Factor(math.Sqrt(sum))
	for i, g := range in[0].Data {
		out.Data[i] = factor * g
	}
}

// Infer returns the average's shape.
func (s EMA) Infer(in ...Shape) (Shape, error) {
	if err := arity(s, 2, in); err != nil {
		return nil, err
	}
	if !(s.Decay >= 0 && s.Decay <= 1) {
		return nil, fmt.Errorf("ema: decay %g, want 0 to 1", s.Decay)
	}
	if !in[1].Equal(in[0]) {
		return nil, fmt.Errorf("ema: value %v, want %v as the average", in[1], in[0])
	}
	return in[0], nil
}

// Ref moves the average.
func (s EMA) Ref(out Array, in ...Array) {
	for i, average := range in[0].Data {
		out.Data[i] = s.Decay*average + (1-s.Decay)*in[1].Data[i]
	}
}

// Infer returns the running statistics' shape.
func (s RunningStats) Infer(in ...Shape) (Shape, error) {
	if err := arity(s, 2, in); err != nil {
		return nil, err
	}
	if !(s.Momentum >= 0 && s.Momentum <= 1) {
		return nil, fmt.Errorf("runningstats: momentum %g, want 0 to 1", s.Momentum)
	}
	if s.Count < 2 {
		return nil, fmt.Errorf("runningstats: moments of %d values, want at least 2: one value has no unbiased variance", s.Count)
	}
	if len(in[0]) != 2 || in[0][0] != 2 {
		return nil, fmt.Errorf("runningstats: running statistics %v, want [2 C]", in[0])
	}
	if !in[1].Equal(in[0]) {
		return nil, fmt.Errorf("runningstats: moments %v, want %v as the running statistics", in[1], in[0])
	}
	return in[0], nil
}

// Ref moves the running statistics.
func (s RunningStats) Ref(out Array, in ...Array) {
	c := in[0].Shape[1]
	for i, running := range in[0].Data {
		now := in[1].Data[i]
		if i >= c {
			now *= float64(s.Count) / float64(s.Count-1)
		}
		out.Data[i] = (1-s.Momentum)*running + s.Momentum*now
	}
}
