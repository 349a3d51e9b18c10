package simd

import (
	"math/rand/v2"
	"testing"
)

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
			p.fill(rand.New(rand.NewPCG(1, 2)), fences(b, 1<<19, 1<<19, 1<<19, 1<<12))
			for b.Loop() {
				p.run()
			}
			flops := 2 * float64(p.M) * float64(p.N) * float64(p.K) * float64(len(p.taps))
			b.ReportMetric(flops*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}
