package cpu

import (
	"testing"

	"hourglass/kernels"
	"hourglass/kernels/kernelstest"
)

func BenchmarkNoise(b *testing.B) {
	for _, s := range []kernels.Noise{{Dist: kernels.Normal}, {Dist: kernels.Uniform}, {Dist: kernels.Bernoulli, P: 0.5}} {
		b.Run(s.Name(), func(b *testing.B) {
			c := kernelstest.Case{Spec: s, In: []kernels.Operand{{Shape: kernels.Shape{128, 784}}, {DType: kernels.Int32, Shape: kernels.Shape{1}}}}
			run(b, c)
		})
	}
}

// run times the launch of a case on one thread.
func run(b *testing.B, c kernelstest.Case) {
	bound := bind(b, open(b, Options{Threads: 1}), c)
	b.SetBytes(int64(bound.Out.Bytes()))
	for b.Loop() {
		bound.Run()
	}
}
