//go:build !amd64 || purego

package simd

func convolve(v *Convolution, dst, x, filter, bias, gate []float32) {
	convolveGeneric(v, dst, x, filter, bias, gate)
}
