package simd

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestDotNarrow holds DotNarrow to Dot of the transpose, bit for bit.
func TestDotNarrow(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(7, 8))
		f := fences(t, 1<<14, 1<<13, 1<<10, 1<<4)
		for n := 2; n <= MaxNarrow; n++ {
			for _, k := range append([]int{784}, edges...) {
				p := product{Product: Product{M: 1 + r.IntN(3), N: n, K: k}}
				p.KS, p.LDB, p.RS, p.LDC = 1, n, k+r.IntN(9), n+r.IntN(5)
				p.Init, p.Act = Init(r.IntN(3)), Activation(r.IntN(2))
				p.taps = []Tap{{}}
				p.fill(r, f)
				want := slices.Clone(p.c)
				columns := make([]float32, len(p.b))
				if k > 0 {
					Transpose(columns, k, p.b, n, k, n)
				}
				q := p.Product
				q.LDB = k
				Dot(&q, want, p.a, columns, p.bias, p.taps)
				DotNarrow(&p.Product, p.c, p.a, p.b, p.bias)
				for i := range want {
					if math.Float32bits(p.c[i]) != math.Float32bits(want[i]) {
						t.Fatalf("%+v: element %d is %g, Dot's %g", p.Product, i, p.c[i], want[i])
					}
				}
			}
		}
	})
}
