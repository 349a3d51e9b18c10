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

// BenchmarkPairs is the same products of bfloat16 in pairs, where the processor
// has them, beside the peak of float32.
func BenchmarkPairs(b *testing.B) {
	if !Pairs() {
		b.Skip("this processor has no AVX512-BF16")
	}
	for _, s := range layerShapes {
		if s.K%2 == 1 {
			continue
		}
		b.Run(s.name, func(b *testing.B) {
			p := layer(s.Product, s.taps, false)
			p.K /= 2
			if p.KS == 1 {
				p.RS /= 2
			}
			p.fillAt(rand.New(rand.NewPCG(1, 2)), fences(b, 1<<19, 1<<19, 1<<19, 1<<12), true)
			best := time.Duration(1 << 62)
			for b.Loop() {
				start := time.Now()
				for range 10 {
					GemmPairs(&p.Product, p.c, pairsOf(p.a), pairsOf(p.b), p.bias, p.taps)
				}
				best = min(best, time.Since(start)/10)
			}
			reached := 4 * float64(p.M) * float64(p.N) * float64(p.K) * float64(len(p.taps)) / best.Seconds()
			b.ReportMetric(reached/1e9, "GFLOP/s")
			b.ReportMetric(100*reached/peak(), "%peak")
		})
	}
}
