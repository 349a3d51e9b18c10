//go:build !amd64 || purego

package simd

func dotNarrow(p *Product, c, a, b, bias []float32) { dotNarrowGeneric(p, c, a, b, bias) }
