package cpu

import (
	"math"
	"testing"

	"hourglass/kernels"
	"hourglass/kernels/kernelstest"
)

// TestBoxMuller walks the words whose logarithm or angle is extreme: the ends of
// the range, the powers of two and the borders of the quarter turns, each with
// its neighbours.
func TestBoxMuller(t *testing.T) {
	words := []uint32{0, math.MaxUint32}
	for shift := range 32 {
		words = append(words, 1<<shift-1, 1<<shift, 1<<shift+1)
	}
	for eighth := range uint32(8) {
		words = append(words, eighth<<29-1<<8, eighth<<29, eighth<<29+1<<8)
	}
	for k := range uint32(1 << 10) {
		words = append(words, k<<22+k*k)
	}
	for _, r0 := range words {
		for _, r1 := range words {
			a := float64(float32(float64(float32(r0))/(1<<32) + 1./(1<<33)))
			sin, cos := math.Sincos(2 * math.Pi * float64(r1>>8) / (1 << 24))
			radius := math.Sqrt(-2 * math.Log(a))
			x, y := boxMuller(r0, r1)
			if math.Abs(float64(x)-radius*cos) > 3e-7 || math.Abs(float64(y)-radius*sin) > 3e-7 {
				t.Fatalf("boxMuller(%#x, %#x) = %v, %v, want %v, %v to 3e-7", r0, r1, x, y, radius*cos, radius*sin)
			}
		}
	}
}

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
