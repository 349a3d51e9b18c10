//go:build !purego

package simd

// pointers returns where the rows begin.
func (t *StrideTiles) pointers(rows int) (p [9]*float32) {
	for i := range rows {
		p[i] = &t.Rows[i][0]
	}
	return p
}

// masks returns ones for those of the first and the last column that there are.
func (t *StrideTiles) masks() (on [2][8]int32) {
	for i, beyond := range [2]bool{t.Before, t.After} {
		for lane := range on[i] {
			if !beyond {
				on[i][lane] = -1
			}
		}
	}
	return on
}

func stridedTiles4(dst []float32, next int, x *StrideTiles) {
	if tier == Generic {
		stridedTiles4Generic(dst, next, x)
		return
	}
	rows, on := x.pointers(9), x.masks()
	if start := x.Start * x.Step; tier == AVX512 {
		stridedTiles4AVX512(&dst[0], next, &rows, start, x.Step, x.Count, x.Channels, &on)
	} else {
		stridedTiles4AVX2(&dst[0], next, &rows, start, x.Step, x.Count, x.Channels, &on)
	}
}

func transposedTiles4(dst []float32, next int, x *StrideTiles) {
	if tier == Generic {
		transposedTiles4Generic(dst, next, x)
		return
	}
	rows, on := x.pointers(5), x.masks()
	if start := x.Start * x.Step; tier == AVX512 {
		transposedTiles4AVX512(&dst[0], next, &rows, start, x.Step, x.Count, x.Channels, &on)
	} else {
		transposedTiles4AVX2(&dst[0], next, &rows, start, x.Step, x.Count, x.Channels, &on)
	}
}

func stridedSpread4(dst []float32, next int, y *StrideTiles) {
	if tier == Generic {
		stridedSpread4Generic(dst, next, y)
		return
	}
	rows, on := y.pointers(4), y.masks()
	if start := y.Start * y.Step; tier == AVX512 {
		stridedSpread4AVX512(&dst[0], next, &rows, start, y.Step, y.Count, y.Channels, &on)
	} else {
		stridedSpread4AVX2(&dst[0], next, &rows, start, y.Step, y.Count, y.Channels, &on)
	}
}

func stridedResult4(rows *[8][]float32, src []float32, next, tiles, channels, step int, bias []float32) {
	var to [8]*float32
	for i := range 4 {
		to[i] = &rows[i][0]
	}
	switch tier {
	case AVX512:
		stridedResult4AVX512(&to, &src[0], next, tiles, channels, step, &bias[0])
	case AVX2:
		stridedResult4AVX2(&to, &src[0], next, tiles, channels, step, &bias[0])
	default:
		stridedResult4Generic(rows, src, next, tiles, channels, step, bias)
	}
}

func transposedResult4(rows *[8][]float32, src []float32, next, tiles, channels, step int, bias []float32) {
	var to [8]*float32
	for i := range to {
		to[i] = &rows[i][0]
	}
	switch tier {
	case AVX512:
		transposedResult4AVX512(&to, &src[0], next, tiles, channels, step, &bias[0])
	case AVX2:
		transposedResult4AVX2(&to, &src[0], next, tiles, channels, step, &bias[0])
	default:
		transposedResult4Generic(rows, src, next, tiles, channels, step, bias)
	}
}

func stridedGradient4(rows *[8][]float32, src []float32, next, channels, step int, bias []float32) {
	var to [8]*float32
	for i := range 3 {
		to[i] = &rows[i][0]
	}
	switch tier {
	case AVX512:
		stridedGradient4AVX512(&to, &src[0], next, 1, channels, step, &bias[0])
	case AVX2:
		stridedGradient4AVX2(&to, &src[0], next, 1, channels, step, &bias[0])
	default:
		stridedGradient4Generic(rows, src, next, channels, step, bias)
	}
}
