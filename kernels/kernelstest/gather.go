package kernelstest

import "hourglass/kernels"

func gatherCases() []Case {
	var cases []Case
	add := func(scale float64, t kernels.DType, batch int, index Fill, data ...int) {
		cases = append(cases, Case{
			Spec: kernels.Gather{Scale: scale},
			In:   []kernels.Operand{{DType: t, Shape: data}, {DType: kernels.Int32, Shape: kernels.Shape{batch}}},
			Fill: []Fill{map[kernels.DType]Fill{kernels.Uint8: Integers(256)}[t], index},
			Tol:  1e-6, NoGrad: true,
		})
	}
	for _, t := range []kernels.DType{kernels.Uint8, kernels.Float32} {
		add(1./255, t, 5, Integers(9), 9, 7, 5, 1)
		add(0, t, 6, Cycle(8, 8, 0), 9, 7)
		add(-2, t, 40, Integers(31), 31, 28, 28, 1) // several tasks
		add(1, t, 4, Cycle(-1, 2, 3, 1<<30), 3, 5)  // outside
		add(1, t, 1, Cycle(0), 4)                   // rows of one number
		add(1, t, 0, Cycle(0), 4, 3)
		add(1, t, 2, Cycle(0), 4, 0)
		add(1, t, 2, Cycle(0), 0, 3) // no rows to pick
	}
	replace := func(batch int, index Fill, data ...int) {
		rows := append(kernels.Shape{batch}, data[1:]...)
		cases = append(cases, Case{
			Spec: kernels.Scatter{},
			In:   []kernels.Operand{{Shape: data}, {Shape: rows}, {DType: kernels.Int32, Shape: kernels.Shape{batch}}},
			Fill: []Fill{nil, nil, index}, Exact: true, NoGrad: true,
		})
	}
	replace(1, Cycle(3), 256)         // a loss
	replace(4, Cycle(2, 0, 2, 8), 9)  // twice the same row
	replace(3, Cycle(-1, 1, 3), 3, 5) // outside
	replace(40, Integers(31), 31, 7, 6)
	replace(0, Cycle(0), 4, 3)
	replace(2, Cycle(0), 4, 0)
	return cases
}
