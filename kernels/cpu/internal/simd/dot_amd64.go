//go:build !purego

package simd

import "unsafe"

// dotTiled runs the product by tiles of rows[w] rows and w columns.
func dotTiled(lanes int, rows *[9]int, p *Product, c, a, b, bias []float32, taps []Tap) {
	t := p.tile(b, taps)
	t.maskBits, t.mask = firstLanes(p.K % lanes)
	for n := 0; n < p.N; {
		w := min(4, p.N-n)
		if p.N-n == 5 || p.N-n == 6 {
			w = 3 // 3+2 and 3+3 reuse the rows of A better than 4+1 and 4+2
		}
		if t.nTaps > 0 {
			t.b = unsafe.Pointer(&b[n*p.LDB])
		}
		r := runs{Product: p, n: n, most: rows[w]}
		for r.next() {
			t.place(&r, c, a, bias)
			if lanes == 16 {
				dotAVX512(r.mr, w, &t)
			} else {
				dotAVX2(r.mr, w, &t)
			}
		}
		n += w
	}
}
