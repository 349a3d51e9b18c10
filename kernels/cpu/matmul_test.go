package cpu

import (
	"bytes"
	"fmt"
	"testing"

	"hourglass/kernels"
	"hourglass/kernels/kernelstest"
)

// TestLargeMatMul holds products that are taken by parts of the sum to the bits
// of those of their rows, which are not, between unreadable pages.
func TestLargeMatMul(t *testing.T) {
	const m, n, k, rows = 300, 520, 700, 100
	epilogues := []kernels.Epilogue{{}, {Bias: true, Fn: kernels.ReLU}, {Grad: kernels.ReLUGrad}, {Bias: true, Fn: kernels.Tanh}}
	for _, precision := range []Precision{Float32, BF16} {
		one, three := open(t, Options{Threads: 1, Precision: precision}), open(t, Options{Threads: 3, Precision: precision, Allocate: kernelstest.Fenced(false)})
		for form := range 4 {
			s := kernels.MatMul{TransA: form&1 == 1, TransB: form&2 == 2, Epilogue: epilogues[form]}
			t.Run(fmt.Sprintf("%v/%v", precision, s), func(t *testing.T) {
				a, b := kernels.Shape{m, k}, kernels.Shape{k, n}
				if s.TransA {
					a = kernels.Shape{k, m}
				}
				if s.TransB {
					b = kernels.Shape{n, k}
				}
				shapes := []kernels.Shape{a, b}
				if s.Epilogue.Bias {
					shapes = append(shapes, kernels.Shape{n})
				}
				if s.Epilogue.Grad != 0 {
					shapes = append(shapes, kernels.Shape{m, n})
				}
				whole := kernelstest.Case{Spec: s, In: kernelstest.F32(shapes...)}
				in := whole.Inputs(1)
				want := resultOf(t, three, whole, in)
				for m0 := 0; m0 < m; m0 += rows {
					part, partIn := whole, append([]kernels.Array(nil), in...)
					partIn[0] = cutRows(in[0], s.TransA, m0, rows)
					if s.Epilogue.Grad != 0 {
						partIn[len(in)-1] = cutRows(in[len(in)-1], false, m0, rows)
					}
					part.In = nil
					for _, x := range partIn {
						part.In = append(part.In, kernels.Operand{DType: kernels.Float32, Shape: x.Shape})
					}
					if got := resultOf(t, one, part, partIn); !bytes.Equal(got, want[4*n*m0:][:4*n*rows]) {
						t.Errorf("rows from %d on differ", m0)
					}
				}
			})
		}
	}
}

// cutRows returns rows of a matrix, or columns.
func cutRows(x kernels.Array, columns bool, from, count int) kernels.Array {
	width := x.Shape[1]
	if !columns {
		return kernels.Array{Shape: kernels.Shape{count, width}, Data: x.Data[from*width:][:count*width]}
	}
	y := kernels.NewArray(kernels.Shape{x.Shape[0], count})
	for i := range x.Shape[0] {
		copy(y.Data[i*count:][:count], x.Data[i*width+from:])
	}
	return y
}
