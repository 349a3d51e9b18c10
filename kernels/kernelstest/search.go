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
	cast := func(fill Fill, from, to kernels.DType, n int) {
		cases = append(cases, Case{Spec: kernels.Cast{To: to}, NoGrad: true, Exact: true,
			In: []kernels.Operand{{DType: from, Shape: kernels.Shape{n}}}, Fill: []Fill{fill}})
	}
	for _, n := range []int{0, 7, 70001} {
		cast(Integers(256), kernels.Int32, kernels.Float32, n)
		cast(Integers(256), kernels.Uint8, kernels.Float32, n)
		cast(Integers(256), kernels.Uint8, kernels.Int32, n)
		cast(Uniform(-9, 9), kernels.Float32, kernels.Int32, n)
	}
	large := Cycle(1<<24+1, -1<<24-1, 1<<31-1, -1<<31, -3)
	cast(large, kernels.Int32, kernels.Float32, 5)
	cast(large, kernels.Int32, kernels.Int32, 5)
	cast(Normal, kernels.Float32, kernels.Float32, 5)
	cast(Cycle(0.99, -0.99, 2.5, -2.5, 3e9, -3e9, 1<<31, -1<<31, 16777217), kernels.Float32, kernels.Int32, 9)
	return cases
}
