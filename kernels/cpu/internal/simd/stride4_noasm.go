//go:build !amd64 || purego

package simd

func stridedTiles4(dst []float32, next int, x *StrideTiles) { stridedTiles4Generic(dst, next, x) }

func transposedTiles4(dst []float32, next int, x *StrideTiles) {
	transposedTiles4Generic(dst, next, x)
}

func stridedSpread4(dst []float32, next int, y *StrideTiles) { stridedSpread4Generic(dst, next, y) }

func stridedResult4(rows *[8][]float32, src []float32, next, tiles, channels, step int, bias []float32) {
	stridedResult4Generic(rows, src, next, tiles, channels, step, bias)
}

func transposedResult4(rows *[8][]float32, src []float32, next, tiles, channels, step int, bias []float32) {
	transposedResult4Generic(rows, src, next, tiles, channels, step, bias)
}

func stridedGradient4(rows *[8][]float32, src []float32, next, channels, step int, bias []float32) {
	stridedGradient4Generic(rows, src, next, channels, step, bias)
}
