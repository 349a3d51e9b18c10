//go:build !purego

package simd

import "unsafe"

func convolve(v *Convolution, dst, x, filter, bias, gate []float32) {
	if tier == AVX512 {
		convolveTiles(16, 2, v, dst, x, filter, bias, gate)
	} else if tier == AVX2 {
		convolveTiles(8, 2, v, dst, x, filter, bias, gate)
	} else {
		convolveGeneric(v, dst, x, filter, bias, gate)
	}
}

// convolveTiles computes so many vectors of channels at a time.
func convolveTiles(lanes, vectors int, v *Convolution, dst, x, filter, bias, gate []float32) {
	t := convolution{
		x: unsafe.Pointer(&x[0]), rows: v.Rows, places: v.Places,
		step: 4 * v.Step, row: 4 * v.Row, image: 4 * v.Image, line: 4 * v.Line,
		dstStep: 4 * v.DstStep, dstRow: 4 * v.DstRow, dstImage: 4 * v.DstImage,
		wStep: 4 * v.N, wLine: 4 * v.FilterLine,
	}
	if v.Act == ReLU {
		t.relu = 1
	}
	whole := (v.N|v.DstStep|v.DstRow|v.DstImage)%lanes == 0
	if v.Stream && whole && uintptr(unsafe.Pointer(&dst[0]))%uintptr(4*lanes) == 0 {
		t.stream = 1
	}
	for n := 0; n < v.N; n += vectors * lanes {
		width := min(vectors, (v.N-n+lanes-1)/lanes)
		t.maskBits, t.mask = firstLanes(min(lanes, v.N-n-(width-1)*lanes))
		t.dst, t.w = unsafe.Pointer(&dst[n]), unsafe.Pointer(&filter[n])
		if gate != nil {
			t.gate = unsafe.Pointer(&gate[n])
		}
		if bias != nil {
			rest := copy(t.bias[:], bias[n:v.N])
			clear(t.bias[rest:])
		}
		t.images, t.xAt, t.dstAt = v.Images, 0, 0
		if lanes == 8 && width == 2 {
			t.pack(v, filter, n)
		}
		if lanes == 16 {
			convolveAVX512(v.Lines, v.Elements, width, &t)
		} else {
			convolveAVX2(v.Lines, v.Elements, width, &t)
		}
	}
}

// pack copies the sixteen channels of the filter from n on, as far as there are.
func (t *convolution) pack(v *Convolution, filter []float32, n int) {
	for l := range v.Lines {
		for e := range v.Elements {
			channels := filter[l*v.FilterLine+e*v.N:][:v.N]
			copy(t.packed[(l*v.Elements+e)*16:][:16], channels[n:])
		}
	}
}
