package simd

import (
	"math/rand/v2"
	"testing"
	"time"
)

// peak returns one core's multiply-adds a second, twice that, the best of a
// few short windows now, since the clock changes under load.
func peak() float64 {
	best := 0.0
	for range 10 {
		start := time.Now()
		n := MulAdds(100_000)
		best = max(best, float64(n)/time.Since(start).Seconds())
	}
	return best
}

func BenchmarkGemm(b *testing.B) {
	benchProducts(b, layerShapes, false)
}

func BenchmarkDot(b *testing.B) {
	benchProducts(b, dotShapes, true)
}

func benchProducts(b *testing.B, shapes []struct {
	name string
	Product
	taps int
}, dot bool) {
	for _, s := range shapes {
		b.Run(s.name, func(b *testing.B) {
			p := layer(s.Product, s.taps, dot)
			p.fillAt(rand.New(rand.NewPCG(1, 2)), fences(b, 1<<19, 1<<19, 1<<19, 1<<12), true)
			for b.Loop() {
				p.run()
			}
			flops := 2 * float64(p.M) * float64(p.N) * float64(p.K) * float64(len(p.taps))
			reached := flops * float64(b.N) / b.Elapsed().Seconds()
			b.ReportMetric(reached/1e9, "GFLOP/s")
			b.ReportMetric(100*reached/peak(), "%peak")
		})
	}
}
