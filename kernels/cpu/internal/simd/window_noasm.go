//go:build !amd64 || purego

package simd

func windowGrad(w *Window, sum, x, dy []float32) { windowGradGeneric(w, sum, x, dy) }
