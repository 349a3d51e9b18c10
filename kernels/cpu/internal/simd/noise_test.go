package simd

import (
	"math"
	"slices"
	"testing"

	"hourglass/kernels"
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
			if !(math.Abs(float64(x)-radius*cos) <= 3e-7) || !(math.Abs(float64(y)-radius*sin) <= 3e-7) {
				t.Fatalf("boxMuller(%#x, %#x) = %v, %v, want %v, %v to 3e-7", r0, r1, x, y, radius*cos, radius*sin)
			}
		}
	}
}

// TestNoise holds the vectors of every tier to the portable form, wherever a
// range begins and ends, between unreadable pages.
func TestNoise(t *testing.T) {
	f := newFence(t, 300)
	eachTier(t, func(t *testing.T) {
		for _, p := range []Philox{
			{Key: [2]uint32{1, 2}, Counter: [4]uint32{0, 3, 4, 5}},
			{Key: [2]uint32{math.MaxUint32, 7}, Counter: [4]uint32{1 << 31, 0, math.MaxUint32, 1}},
			{Key: [2]uint32{9, 9}, Counter: [4]uint32{math.MaxUint32 - 3, 1, 0, 0}}, // carries
		} {
			all := make([]float32, 400)
			Normals(all, p)
			for n := range 300 {
				const below = 1 << 22
				for _, d := range []struct {
					name string
					draw func(dst []float32)
					four func(w [4]uint32, below uint32) [4]float32
					err  float64
				}{
					{"uniforms", func(dst []float32) { Uniforms(dst, p) }, uniformsGeneric, 0},
					{"bernoullis", func(dst []float32) { Bernoullis(dst, p, below) }, bernoullisGeneric, 0},
					{"normals", func(dst []float32) { Normals(dst, p) }, normalsGeneric, 1e-6},
				} {
					got, want := f.slice(n, n%2 == 0), make([]float32, n)
					d.draw(got)
					p.portable(want, below, d.four)
					for i := range got {
						if e := math.Abs(float64(got[i]) - float64(want[i])); !(e <= d.err) {
							t.Fatalf("%s: number %d of %d is %g, want %g", d.name, i, n, got[i], want[i])
						}
					}
				}
				if p.Counter[0] < 1<<32-400 && !slices.Equal(f.slice(n, n%2 == 0), all[:n]) {
					t.Fatalf("the first %d of 400 normal numbers have other bits", n)
				}
			}
		}
	})
}

// TestNormalsError finds that none of the first 2¹⁶ normal numbers errs by more
// than 3e-7 of itself, or 3e-10.
func TestNormalsError(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		p := Philox{Key: [2]uint32{5, 6}}
		y := make([]float32, 1<<16)
		Normals(y, p)
		s := kernels.Noise{Seed: 5 | 6<<32}
		for i := 0; i < len(y); i += 4 {
			want := s.Four(0, uint64(i/4))
			for j, w := range want {
				if e := math.Abs(float64(y[i+j]) - w); !(e <= 3e-7*math.Max(math.Abs(w), 1e-3)) {
					t.Fatalf("number %d is %g, want %g: off by %.2g of it", i+j, y[i+j], w, e/math.Abs(w))
				}
			}
		}
	})
}
