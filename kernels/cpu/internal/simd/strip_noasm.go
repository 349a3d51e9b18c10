//go:build !amd64 || purego

package simd

func slide(s *Strip, dst, src, w []float32, bias float32, taps []Tap) {
	slideGeneric(s, dst, src, w, bias, taps)
}

func spread(s *Strip, dst, src, w, bias []float32, taps []Tap) {
	spreadGeneric(s, dst, src, w, bias, taps)
}
