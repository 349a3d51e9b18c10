//go:build !amd64 || purego

package simd

func stridedTiles(dst []float32, next int, rows *[5][]float32, tiles, channels int) {
	stridedTilesGeneric(dst, next, rows, tiles, channels)
}

func transposedTiles(dst []float32, next int, rows *[5][]float32, tiles, channels int) {
	transposedTilesGeneric(dst, next, rows, tiles, channels)
}

func stridedSpread(dst []float32, next int, rows *[5][]float32, tiles, channels int) {
	stridedSpreadGeneric(dst, next, rows, tiles, channels)
}

func stridedResult(top, bottom, src []float32, next, tiles, channels, step int, bias []float32) {
	stridedResultGeneric(top, bottom, src, next, tiles, channels, step, bias)
}

func transposedResult(even, odd, a, b, c []float32, next, tiles, channels, step int, bias []float32) {
	transposedResultGeneric(even, odd, a, b, c, next, tiles, channels, step, bias)
}
