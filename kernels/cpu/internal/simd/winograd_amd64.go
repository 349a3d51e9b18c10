//go:build !purego

package simd

func winogradColumns(dst []float32, next int, src []float32, tiles, channels int) {
	if tier == AVX512 {
		winogradColumnsAVX512(&dst[0], next, &src[0], tiles, channels)
	} else if tier == AVX2 {
		winogradColumnsAVX2(&dst[0], next, &src[0], tiles, channels)
	} else {
		winogradColumnsGeneric(dst, next, src, tiles, channels)
	}
}

func winogradSpread(dst []float32, next int, src []float32, tiles, channels int) {
	if tier == AVX512 {
		winogradSpreadAVX512(&dst[0], next, &src[0], tiles, channels)
	} else if tier == AVX2 {
		winogradSpreadAVX2(&dst[0], next, &src[0], tiles, channels)
	} else {
		winogradSpreadGeneric(dst, next, src, tiles, channels)
	}
}

func winogradResult(top, bottom, src []float32, next, tiles, channels int, bias []float32) {
	if tier == AVX512 {
		winogradResultAVX512(&top[0], &bottom[0], &src[0], next, tiles, channels, &bias[0])
	} else if tier == AVX2 {
		winogradResultAVX2(&top[0], &bottom[0], &src[0], next, tiles, channels, &bias[0])
	} else {
		winogradResultGeneric(top, bottom, src, next, tiles, channels, bias)
	}
}
