package kernelstest

import "hourglass/kernels"

// matmulSizes are M, N and K: empty ones, vectors, few columns and few rows,
// tails of tiles, several panels and blocks.
var matmulSizes = [][3]int{
	{0, 3, 4}, {3, 0, 4}, {3, 4, 0}, {1, 1, 1}, {1, 1, 70}, {1, 50, 33}, {5, 1, 40}, {40, 2, 50}, {50, 7, 3},
	{2, 90, 20}, {7, 16, 16}, {9, 17, 5}, {33, 64, 31}, {30, 65, 40}, {61, 100, 17}, {17, 130, 100}, {128, 32, 12},
}

// matmulEpilogues are tried on every size.
var matmulEpilogues = []kernels.Epilogue{
	{},
	{Bias: true},
	{Bias: true, Fn: kernels.ReLU},
	{Fn: kernels.Tanh},
	{Bias: true, Grad: kernels.SigmoidGrad},
	{Grad: kernels.LeakyReLUGrad, A: 0.25},
}

func matmulCases() []Case {
	var cases []Case
	for i, size := range matmulSizes {
		for form := range 4 {
			s := kernels.MatMul{TransA: form&1 == 1, TransB: form&2 == 2}
			cases = append(cases, matmulCase(s, size[0], size[1], size[2]))
			s.Epilogue = matmulEpilogues[1+(i+form)%(len(matmulEpilogues)-1)]
			cases = append(cases, matmulCase(s, size[0], size[1], size[2]))
		}
	}
	for form := range 4 {
		for _, size := range [][3]int{{90, 200, 150}, {300, 5, 150}, {3, 5, 150}, {3, 700, 260}} {
			c := matmulCase(kernels.MatMul{TransA: form&1 == 1, TransB: form&2 == 2}, size[0], size[1], size[2])
			c.NoGrad = true
			cases = append(cases, c)
		}
	}
	return cases
}

func matmulCase(s kernels.MatMul, m, n, k int) Case {
	a, b := kernels.Shape{m, k}, kernels.Shape{k, n}
	if s.TransA {
		a = kernels.Shape{k, m}
	}
	if s.TransB {
		b = kernels.Shape{n, k}
	}
	c := withEpilogue(Case{Spec: s, In: F32(a, b)}, kernels.Shape{m, n}, s.Epilogue)
	if s.Epilogue.Grad == kernels.SigmoidGrad {
		c.Fill[len(c.In)-1] = unit
	}
	return c
}
