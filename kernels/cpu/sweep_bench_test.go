package cpu

import (
	"testing"

	"hourglass/kernels"
	"hourglass/kernels/kernelstest"
)

// BenchmarkOptimizer steps half a million parameters on one thread.
func BenchmarkOptimizer(b *testing.B) {
	const n = 500_000
	for _, s := range []kernels.Optimizer{
		kernels.SGD{Momentum: 0.9},
		kernels.Adam{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8},
		kernels.RMSProp{Alpha: 0.99, Epsilon: 1e-8},
	} {
		b.Run(s.Name(), func(b *testing.B) {
			in := append(kernelstest.F32(kernels.Shape{s.StateRows(), n}, kernels.Shape{n}, kernels.Shape{1}),
				kernels.Operand{DType: kernels.Int32, Shape: kernels.Shape{1}})
			run(b, kernelstest.Case{Spec: s, In: in, Fill: []kernelstest.Fill{kernelstest.Uniform(0, 1)}})
		})
	}
	b.Run("clipbyglobalnorm", func(b *testing.B) {
		run(b, kernelstest.Case{Spec: kernels.ClipByGlobalNorm{Max: 1}, In: kernelstest.F32(kernels.Shape{n})})
	})
}

// BenchmarkPool halves and doubles images of 32 channels on one thread.
func BenchmarkPool(b *testing.B) {
	large, small, two := kernels.Shape{32, 28, 28, 32}, kernels.Shape{32, 14, 14, 32}, [2]int{2, 2}
	for _, c := range []struct {
		name string
		s    kernels.Spec
		in   []kernels.Shape
	}{
		{"max", kernels.MaxPool2D{Kernel: two}, []kernels.Shape{large}},
		{"maxgrad", kernels.MaxPool2DGrad{Kernel: two}, []kernels.Shape{large, small}},
		{"maxselect", kernels.MaxPool2DSelect{Kernel: two}, []kernels.Shape{large, large}},
		{"avg", kernels.AvgPool2D{Kernel: two}, []kernels.Shape{large}},
		{"avggrad", kernels.AvgPool2DGrad{Kernel: two, H: 28, W: 28}, []kernels.Shape{small}},
		{"nearest", kernels.Upsample2D{Scale: two}, []kernels.Shape{small}},
		{"nearestgrad", kernels.Upsample2DGrad{Scale: two}, []kernels.Shape{large}},
		{"bilinear", kernels.Upsample2D{Scale: two, Mode: kernels.Bilinear}, []kernels.Shape{small}},
		{"bilineargrad", kernels.Upsample2DGrad{Scale: two, Mode: kernels.Bilinear}, []kernels.Shape{large}},
	} {
		b.Run(c.name, func(b *testing.B) { run(b, kernelstest.Case{Spec: c.s, In: kernelstest.F32(c.in...)}) })
	}
}
