package kernelstest

import "hourglass/kernels"

func searchCases() []Case {
	var cases []Case
	add := func(fill Fill, rows, columns int) {
		cases = append(cases, Case{Spec: kernels.OneHotMax{}, In: F32(kernels.Shape{rows, columns}), Fill: []Fill{fill}, Exact: true, NoGrad: true})
	}
	add(Normal, 5, 7)
	add(Cycle(3, 1, 3), 4, 6) // several are largest
	add(Cycle(-1, -2), 3, 1)
	add(Normal, 0, 4)
	add(Normal, 1, 70001)
	add(Normal, 3001, 33) // several tasks
	for _, t := range []kernels.DType{kernels.Int32, kernels.Uint8} {
		for _, n := range []int{0, 1, 7, 70001} {
			cases = append(cases, Case{Spec: kernels.Cast{To: kernels.Float32}, NoGrad: true, Exact: true,
				In: []kernels.Operand{{DType: t, Shape: kernels.Shape{n}}}, Fill: []Fill{Integers(256)}})
		}
	}
	large := Cycle(1<<24+1, -1<<24-1, 1<<31-1, -1<<31, -3)
	return append(cases, Case{Spec: kernels.Cast{To: kernels.Float32}, NoGrad: true, Exact: true,
		In: []kernels.Operand{{DType: kernels.Int32, Shape: kernels.Shape{5}}}, Fill: []Fill{large}})
}
