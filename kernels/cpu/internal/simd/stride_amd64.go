//go:build !purego

package simd

func stridedTiles(dst []float32, next int, rows *[5][]float32, tiles, channels int) {
	if tier == AVX512 {
		stridedTilesAVX512(&dst[0], next, &rows[0][0], &rows[1][0], &rows[2][0], &rows[3][0], &rows[4][0], tiles, channels)
	} else if tier == AVX2 {
		stridedTilesAVX2(&dst[0], next, &rows[0][0], &rows[1][0], &rows[2][0], &rows[3][0], &rows[4][0], tiles, channels)
	} else {
		stridedTilesGeneric(dst, next, rows, tiles, channels)
	}
}

func transposedTiles(dst []float32, next int, rows *[5][]float32, tiles, channels int) {
	if tier == AVX512 {
		transposedTilesAVX512(&dst[0], next, &rows[0][0], &rows[1][0], &rows[2][0], tiles, channels)
	} else if tier == AVX2 {
		transposedTilesAVX2(&dst[0], next, &rows[0][0], &rows[1][0], &rows[2][0], tiles, channels)
	} else {
		transposedTilesGeneric(dst, next, rows, tiles, channels)
	}
}

func stridedSpread(dst []float32, next int, rows *[5][]float32, tiles, channels int) {
	if tier == AVX512 {
		stridedSpreadAVX512(&dst[0], next, &rows[0][0], &rows[1][0], tiles, channels)
	} else if tier == AVX2 {
		stridedSpreadAVX2(&dst[0], next, &rows[0][0], &rows[1][0], tiles, channels)
	} else {
		stridedSpreadGeneric(dst, next, rows, tiles, channels)
	}
}

func stridedResult(top, bottom, src []float32, next, tiles, channels, step int, bias []float32) {
	if tier == AVX512 {
		stridedResultAVX512(&top[0], &bottom[0], &src[0], next, tiles, channels, step, &bias[0])
	} else if tier == AVX2 {
		stridedResultAVX2(&top[0], &bottom[0], &src[0], next, tiles, channels, step, &bias[0])
	} else {
		stridedResultGeneric(top, bottom, src, next, tiles, channels, step, bias)
	}
}

func transposedResult(even, odd, a, b, c []float32, next, tiles, channels, step int, bias []float32) {
	if tier == AVX512 {
		transposedResultAVX512(&even[0], &odd[0], &a[0], &b[0], &c[0], next, tiles, channels, step, &bias[0])
	} else if tier == AVX2 {
		transposedResultAVX2(&even[0], &odd[0], &a[0], &b[0], &c[0], next, tiles, channels, step, &bias[0])
	} else {
		transposedResultGeneric(even, odd, a, b, c, next, tiles, channels, step, bias)
	}
}
