package simd

import (
	"math/rand/v2"
	"testing"
)

// TestGemmGate holds products behind a gate to the reference, the passes of
// large ones included.
func TestGemmGate(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(3, 9))
		f := fences(t, 1<<18, 1<<17, 1<<16, 1<<10, 1<<16)
		for m := range 34 {
			for _, n := range edges {
				p := product{Product: Product{M: m, N: n, K: r.IntN(20)}, gated: true}
				p.randomize(r)
				p.fill(r, f)
				p.check(t)
			}
		}
		p := product{Product: Product{M: 300, N: 70, K: 600, RS: 600, KS: 1, LDB: 70, LDC: 71}, gated: true, taps: []Tap{{}}}
		p.fill(r, f)
		p.check(t)
	})
}
