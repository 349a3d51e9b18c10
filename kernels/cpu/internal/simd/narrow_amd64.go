//go:build !purego

package simd

func dotNarrow(p *Product, c, a, b, bias []float32) {
	if tier == AVX512 {
		dotNarrowRows(16, p, c, a, b, bias)
	} else if tier == AVX2 {
		dotNarrowRows(8, p, c, a, b, bias)
	} else {
		dotNarrowGeneric(p, c, a, b, bias)
	}
}

// dotNarrowRows runs the product row by row. What is left of a row behind the
// last whole vector is multiplied with zeros behind it.
func dotNarrowRows(lanes int, p *Product, c, a, b, bias []float32) {
	var sums, tailB [MaxNarrow * 16]float32
	var tailA [16]float32
	whole := p.K &^ (lanes - 1)
	copy(tailB[:], b[whole*p.N:][:(p.K-whole)*p.N])
	for m := range p.M {
		clear(sums[:p.N*lanes])
		if whole > 0 {
			runNarrow(lanes, p.N, &sums[0], &a[m*p.RS], &b[0], whole/lanes)
		}
		if whole < p.K {
			copy(tailA[:], a[m*p.RS+whole:][:p.K-whole])
			runNarrow(lanes, p.N, &sums[0], &tailA[0], &tailB[0], 1)
		}
		for n := range p.N {
			p.finish(m, n, addLanes(sums[n:], lanes, p.N), c, bias)
		}
	}
}

func runNarrow(lanes, n int, sums, x, b *float32, blocks int) {
	if lanes == 16 {
		narrowAVX512(n, sums, x, b, blocks)
	} else {
		narrowAVX2(n, sums, x, b, blocks)
	}
}

// addLanes adds up lanes that lie step elements apart, in the order in which
// the kernels of Dot do.
func addLanes(x []float32, lanes, step int) float32 {
	var s [8]float32
	for i := range s {
		s[i] = x[i*step]
		if lanes == 16 {
			s[i] += x[(i+8)*step]
		}
	}
	return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]))
}
