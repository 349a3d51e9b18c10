package cpu

import (
	"bytes"
	"fmt"
	"testing"

	"hourglass/kernels"
	"hourglass/kernels/kernelstest"
)

// TestLargeMatMul holds products that are taken by parts of the sum, and by
// stretches of it, to the bits of those of some of their rows and columns, which
// are not, between unreadable pages.
func TestLargeMatMul(t *testing.T) {
	const m, n, rows, columns = 300, 520, 100, 40
	epilogues := []kernels.Epilogue{{}, {Bias: true, Fn: kernels.ReLU}, {Grad: kernels.ReLUGrad}, {Bias: true, Fn: kernels.Tanh}}
	for _, precision := range []Precision{Float32, BF16} {
		one, three := open(t, Options{Threads: 1, Precision: precision}), open(t, Options{Threads: 3, Precision: precision, Allocate: kernelstest.Fenced(false)})
		for try := range 8 {
			k := 700
			if try >= 4 { // stretches of 1024 and 477
				k = 1501
			}
			s := kernels.MatMul{TransA: try&1 == 1, TransB: try&2 == 2, Epilogue: epilogues[try%4]}
			if try == 5 {
				s.Epilogue = kernels.Epilogue{Bias: true, Grad: kernels.TanhGrad}
			}
			t.Run(fmt.Sprintf("%v/%d/%v", precision, k, s), func(t *testing.T) {
				// cut returns operand i of a product of some rows and columns.
				cut := func(i int, x kernels.Array, m0, n0 int) kernels.Array {
					switch {
					case i == 0:
						return cutRows(x, s.TransA, m0, rows)
					case i == 1:
						return cutRows(x, !s.TransB, n0, columns)
					case i == 2 && s.Epilogue.Bias:
						return kernels.Array{Shape: kernels.Shape{columns}, Data: x.Data[n0:][:columns]}
					}
					return cutRows(cutRows(x, false, m0, rows), true, n0, columns)
				}
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
				plan, err := matMul(s, whole.In, precision)
				if err != nil {
					t.Fatal(err)
				}
				stretches := 1
				if try == 5 {
					stretches = 2
				}
				each := 2 // packing and the product
				if precision == BF16 {
					each = 3 // and converting the left matrix
				}
				if s.TransA && plan.setup != 0 || !s.TransA && plan.setup != 1 || len(plan.phases) != each*stretches {
					t.Errorf("%d phases of which %d read no batch, want %d, and 1 unless the left matrix is transposed", len(plan.phases), plan.setup, each*stretches)
				}
				in := whole.Inputs(1)
				want := resultOf(t, three, whole, in)
				for m0 := 0; m0 < m; m0 += rows {
					for n0 := 0; n0 < n; n0 += 3 * columns {
						part, partIn := kernelstest.Case{Spec: s}, []kernels.Array(nil)
						for i, x := range in {
							x = cut(i, x, m0, n0)
							partIn = append(partIn, x)
							part.In = append(part.In, kernels.Operand{DType: kernels.Float32, Shape: x.Shape})
						}
						got := resultOf(t, one, part, partIn)
						for i := range rows {
							if !bytes.Equal(got[4*columns*i:][:4*columns], want[4*((m0+i)*n+n0):][:4*columns]) {
								t.Fatalf("row %d differs in columns from %d on", m0+i, n0)
							}
						}
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
