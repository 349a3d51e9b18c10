//go:build !purego

package simd

// The assembly takes whole vectors; what is left goes to the portable code.

func sum(s *[sumLanes]float64, x []float32) {
	if tier == AVX512 {
		sumAVX512(&s[0], &x[0], len(x)/sumLanes)
	} else if tier == AVX2 {
		sumAVX2(&s[0], &x[0], len(x)/sumLanes)
	} else {
		sumGeneric(s, x)
	}
}

func sumProduct(s *[sumLanes]float64, x, y []float32) {
	if tier == AVX512 {
		sumProductAVX512(&s[0], &x[0], &y[0], len(x)/sumLanes)
	} else if tier == AVX2 {
		sumProductAVX2(&s[0], &x[0], &y[0], len(x)/sumLanes)
	} else {
		sumProductGeneric(s, x, y)
	}
}

func sumRows(sum []float64, x []float32, step, rows int) {
	i := 0
	if tier == AVX512 {
		for ; i+128 <= len(sum); i += 128 {
			sumRowsWholeAVX512(&sum[i], &x[i], step, rows)
		}
		for ; i+64 <= len(sum); i += 64 {
			sumRowsWideAVX512(&sum[i], &x[i], step, rows)
		}
		for ; i+32 <= len(sum); i += 32 {
			sumRowsHalfAVX512(&sum[i], &x[i], step, rows)
		}
		for ; i+8 <= len(sum); i += 8 {
			sumRowsNarrowAVX512(&sum[i], &x[i], step, rows)
		}
	} else if tier == AVX2 {
		for ; i+32 <= len(sum); i += 32 {
			sumRowsWideAVX2(&sum[i], &x[i], step, rows)
		}
		for ; i+16 <= len(sum); i += 16 {
			sumRowsHalfAVX2(&sum[i], &x[i], step, rows)
		}
		for ; i+4 <= len(sum); i += 4 {
			sumRowsNarrowAVX2(&sum[i], &x[i], step, rows)
		}
	}
	if i < len(sum) {
		sumRowsGeneric(sum[i:], x[i:], step, rows)
	}
}

func sumProductRows(sum []float64, x, y []float32, step, rows int) {
	i := 0
	if tier == AVX512 {
		for ; i+128 <= len(sum); i += 128 {
			sumProductRowsWholeAVX512(&sum[i], &x[i], &y[i], step, rows)
		}
		for ; i+64 <= len(sum); i += 64 {
			sumProductRowsWideAVX512(&sum[i], &x[i], &y[i], step, rows)
		}
		for ; i+8 <= len(sum); i += 8 {
			sumProductRowsNarrowAVX512(&sum[i], &x[i], &y[i], step, rows)
		}
	} else if tier == AVX2 {
		for ; i+32 <= len(sum); i += 32 {
			sumProductRowsWideAVX2(&sum[i], &x[i], &y[i], step, rows)
		}
		for ; i+4 <= len(sum); i += 4 {
			sumProductRowsNarrowAVX2(&sum[i], &x[i], &y[i], step, rows)
		}
	}
	if i < len(sum) {
		sumProductRowsGeneric(sum[i:], x[i:], y[i:], step, rows)
	}
}

func momentRows(sum, square, shift []float64, x []float32, step, rows int) {
	i := 0
	if tier == AVX512 {
		for ; i+64 <= len(sum); i += 64 {
			momentRowsWholeAVX512(&sum[i], &square[i], &shift[i], &x[i], step, rows)
		}
		for ; i+32 <= len(sum); i += 32 {
			momentRowsWideAVX512(&sum[i], &square[i], &shift[i], &x[i], step, rows)
		}
		for ; i+8 <= len(sum); i += 8 {
			momentRowsNarrowAVX512(&sum[i], &square[i], &shift[i], &x[i], step, rows)
		}
	} else if tier == AVX2 {
		for ; i+16 <= len(sum); i += 16 {
			momentRowsWideAVX2(&sum[i], &square[i], &shift[i], &x[i], step, rows)
		}
		for ; i+4 <= len(sum); i += 4 {
			momentRowsNarrowAVX2(&sum[i], &square[i], &shift[i], &x[i], step, rows)
		}
	}
	if i < len(sum) {
		momentRowsGeneric(sum[i:], square[i:], shift[i:], x[i:], step, rows)
	}
}

func fromBytes(dst []float32, x []byte, divisor float32) {
	i := 0
	if n := len(dst) / 16; tier == AVX512 && n > 0 {
		fromBytesAVX512(&dst[0], &x[0], n, divisor)
		i = 16 * n
	} else if n := len(dst) / 8; tier == AVX2 && n > 0 {
		fromBytesAVX2(&dst[0], &x[0], n, divisor)
		i = 8 * n
	}
	fromBytesGeneric(dst[i:], x[i:], divisor)
}

func scaleBytes(dst []float32, x []byte, factor float32) {
	i := 0
	if n := len(dst) / 16; tier == AVX512 && n > 0 {
		scaleBytesAVX512(&dst[0], &x[0], n, factor)
		i = 16 * n
	} else if n := len(dst) / 8; tier == AVX2 && n > 0 {
		scaleBytesAVX2(&dst[0], &x[0], n, factor)
		i = 8 * n
	}
	scaleBytesGeneric(dst[i:], x[i:], factor)
}

// prefetch fetches the lines of 64 bytes that x begins in; buffers begin with
// one.
func prefetch(x []float32) {
	if tier == AVX512 {
		prefetchAVX512(&x[0], (len(x)+15)/16)
	} else if tier == AVX2 {
		prefetchAVX2(&x[0], (len(x)+15)/16)
	}
}
