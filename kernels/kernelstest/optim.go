package kernelstest

import (
	"math/rand/v2"

	"hourglass/kernels"
)

func optimCases() []Case {
	return append(append(optimizerCases(), clipCases()...), averageCases()...)
}

// rowsOf fills an array of len(fills) rows, each its own way.
func rowsOf(fills ...Fill) Fill {
	return func(r *rand.Rand, to []float64) {
		n := len(to) / len(fills)
		for i, f := range fills {
			f(r, to[i*n:][:n])
		}
	}
}

// times multiplies what a Fill draws.
func times(factor float64, f Fill) Fill {
	return func(r *rand.Rand, to []float64) {
		f(r, to)
		for i := range to {
			to[i] *= factor
		}
	}
}

func optimizerCases() []Case {
	square := Uniform(0, 1) // second moments are not negative
	var cases []Case
	for _, o := range []struct {
		s     kernels.Optimizer
		state Fill
	}{
		{kernels.SGD{}, Normal},
		{kernels.SGD{WeightDecay: 0.1}, Normal},
		{kernels.SGD{Momentum: 0.9}, Normal},
		{kernels.SGD{Momentum: 0.9, WeightDecay: 0.01, Nesterov: true}, Normal},
		{kernels.SGD{Momentum: 0.9, Dampening: 0.5}, Normal},
		{kernels.Adam{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}, rowsOf(Normal, Normal, square)},
		{kernels.Adam{Beta1: 0.5, Beta2: 0.9, Epsilon: 1e-3, WeightDecay: 0.1}, rowsOf(Normal, Normal, square)},
		{kernels.Adam{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: 0.1, Decoupled: true}, rowsOf(Normal, Normal, square)},
		{kernels.RMSProp{Alpha: 0.99, Epsilon: 1e-8}, rowsOf(Normal, square)},
		{kernels.RMSProp{Alpha: 0.9, Epsilon: 1e-6, Momentum: 0.9, WeightDecay: 0.01}, rowsOf(Normal, square, Normal)},
	} {
		add := func(n int, step Fill) {
			cases = append(cases, Case{
				Spec: o.s, In: []kernels.Operand{
					{Shape: kernels.Shape{o.s.StateRows(), n}}, {Shape: kernels.Shape{n}}, {Shape: kernels.Shape{1}},
					{DType: kernels.Int32, Shape: kernels.Shape{1}},
				},
				Fill: []Fill{o.state, nil, Uniform(0.001, 0.1), step}, NoGrad: true,
			})
		}
		add(0, Cycle(1))
		add(1, Cycle(0))
		add(37, Cycle(0)) // the first step
		add(38, Cycle(4))
		add(3*1<<13+5, Cycle(999)) // several tasks
	}
	return cases
}

func clipCases() []Case {
	var cases []Case
	add := func(most, size float64, shape ...int) {
		cases = append(cases, Case{Spec: kernels.ClipByGlobalNorm{Max: most}, In: F32(shape), Fill: []Fill{times(size, Normal)}, NoGrad: true})
	}
	add(1, 1, 0)
	add(1, 1, 7)      // longer than Max
	add(100, 1, 63)   // shorter
	add(2, 1e25, 100) // squares that float32 does not hold
	add(2, 0, 5)
	add(5, 1, 3, 1<<13+3)
	return cases
}

func averageCases() []Case {
	var cases []Case
	for _, decay := range []float64{0, 0.999, 1} {
		for _, n := range []int{0, 1, 37, 1<<14 + 7} {
			cases = append(cases, Case{Spec: kernels.EMA{Decay: decay}, In: F32(kernels.Shape{n}, kernels.Shape{n}), NoGrad: true})
		}
	}
	for _, channels := range []int{0, 1, 19} {
		for _, s := range []kernels.RunningStats{{Momentum: 0.1, Count: 6272}, {Momentum: 0.25, Count: 2}} {
			shape := kernels.Shape{2, channels}
			cases = append(cases, Case{Spec: s, In: F32(shape, shape), NoGrad: true})
		}
	}
	return cases
}
