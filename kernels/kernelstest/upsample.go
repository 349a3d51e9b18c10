package kernelstest

import "hourglass/kernels"

func upsampleCases() []Case {
	var cases []Case
	add := func(rows, columns int, noGrad bool, n, h, w, c int) {
		for _, mode := range []kernels.UpsampleMode{kernels.Nearest, kernels.Bilinear} {
			s := kernels.Upsample2D{Scale: [2]int{rows, columns}, Mode: mode}
			finite := uint32(mode) // interpolation may multiply by 0
			cases = append(cases,
				Case{Spec: s, In: F32(kernels.Shape{n, h, w, c}), NoGrad: noGrad, Finite: finite},
				Case{Spec: kernels.Upsample2DGrad(s), In: F32(kernels.Shape{n, h * rows, w * columns, c}), NoGrad: noGrad, Finite: finite})
		}
	}
	add(2, 2, false, 2, 3, 4, 3)
	add(3, 2, false, 1, 4, 5, 1)
	add(1, 4, false, 2, 2, 1, 5)
	add(1, 1, false, 1, 3, 2, 2)
	add(2, 2, false, 0, 3, 4, 3)
	add(2, 2, false, 2, 3, 4, 0)
	add(2, 3, false, 2, 0, 4, 3)
	add(2, 2, true, 11, 14, 14, 17) // several tasks
	add(3, 5, true, 1, 41, 37, 2)
	return cases
}
