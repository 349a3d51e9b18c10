//go:build !purego

package simd

import "unsafe"

func windowGrad(w *Window, sum, x, dy []float32) {
	if tier == AVX512 {
		windowTiles(16, 2, w, sum, x, dy)
	} else if tier == AVX2 {
		windowTiles(8, 1, w, sum, x, dy)
	} else {
		windowGradGeneric(w, sum, x, dy)
	}
}

// The kernels take windows of one filter row of up to windowElements elements,
// or of up to windowLines rows of up to windowShort elements.
const (
	windowElements = 12
	windowLines    = 3
	windowShort    = 4
)

// windowTiles cuts the filter into what the kernels take.
func windowTiles(lanes, vectors int, w *Window, sum, x, dy []float32) {
	t := window{
		rows: w.Rows, places: w.Places, step: 4 * w.Step, row: 4 * w.Row, line: 4 * w.Line,
		dyStep: 4 * w.N, dyRow: 4 * w.DYRow, sumStep: 4 * w.N, sumLine: 4 * w.SumLine,
	}
	for n := 0; n < w.N; n += vectors * lanes {
		width := min(vectors, (w.N-n+lanes-1)/lanes)
		t.maskBits, t.mask = firstLanes(w.N - n - (width-1)*lanes)
		t.dy = unsafe.Pointer(&dy[n])
		most := 1
		if w.Elements <= windowShort {
			most = windowLines
		}
		for line := 0; line < w.Lines; line += most {
			lines := min(most, w.Lines-line)
			pieces := (w.Elements + windowElements - 1) / windowElements
			for i := range pieces {
				from, to := w.Elements*i/pieces, w.Elements*(i+1)/pieces
				t.x = unsafe.Pointer(&x[line*w.Line+from])
				t.sum = unsafe.Pointer(&sum[line*w.SumLine+from*w.N+n])
				if lanes == 16 {
					windowAVX512(lines, to-from, width, &t)
				} else {
					windowAVX2(lines, to-from, width, &t)
				}
			}
		}
	}
}
