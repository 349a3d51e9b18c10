package kernelstest

import "hourglass/kernels"

func noiseCases() []Case {
	// the large case has several tasks, the odd lengths end within a block
	var cases []Case
	add := func(s kernels.Noise, shape kernels.Shape, steps Fill) {
		c := Case{
			Spec: s, In: []kernels.Operand{{DType: kernels.Float32, Shape: shape}, {DType: kernels.Int32, Shape: kernels.Shape{1}}},
			Fill: []Fill{nil, steps}, Exact: true, NoGrad: true,
		}
		if s.Dist == kernels.Normal {
			c.Exact, c.Tol, c.Scale = false, 1e-9, 1000 // an error of 1e-6, whatever the value
		}
		cases = append(cases, c)
	}
	for _, s := range []kernels.Noise{
		{Dist: kernels.Normal, Seed: 0xfedcba9876543210, Stream: 4},
		{Dist: kernels.Uniform, Seed: 3, Stream: 0xffffffff},
		{Dist: kernels.Bernoulli, P: 0.1, Seed: 1},
	} {
		for _, shape := range []kernels.Shape{{}, {0}, {3}, {4}, {5, 7}, {33, 1031}} {
			add(s, shape, Integers(1<<31))
		}
		add(s, kernels.Shape{6}, Cycle(0))
		add(s, kernels.Shape{7}, Cycle(-1)) // a counter that has wrapped
	}
	for _, p := range []float64{0, 0.5, 1, 1. / (1 << 26)} {
		add(kernels.Noise{Dist: kernels.Bernoulli, P: p, Seed: 2, Stream: 1}, kernels.Shape{101}, Integers(1000))
	}
	return cases
}
