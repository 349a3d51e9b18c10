//go:build !purego

package simd

// noiseLanes is how many blocks the assembly draws at once, 0 without.
func noiseLanes() int {
	switch tier {
	case AVX512:
		return 16
	case AVX2:
		return 8
	}
	return 0
}

func uniforms(dst []float32, s *noiseState) {
	if tier == AVX512 {
		uniformsAVX512(&dst[0], len(dst)/64, &s[0])
	} else {
		uniformsAVX2(&dst[0], len(dst)/32, &s[0])
	}
}

func normals(dst []float32, s *noiseState) {
	if tier == AVX512 {
		normalsAVX512(&dst[0], len(dst)/64, &s[0])
	} else {
		normalsAVX2(&dst[0], len(dst)/32, &s[0])
	}
}

func bernoullis(dst []float32, s *noiseState) {
	if tier == AVX512 {
		bernoullisAVX512(&dst[0], len(dst)/64, &s[0])
	} else {
		bernoullisAVX2(&dst[0], len(dst)/32, &s[0])
	}
}
