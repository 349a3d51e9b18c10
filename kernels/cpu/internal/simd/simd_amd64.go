//go:build !purego

package simd

import "golang.org/x/sys/cpu"

// best is the tier of this processor. x/sys/cpu also asks the operating system
// whether it saves the wide registers.
var best = func() Tier {
	x := &cpu.X86
	switch {
	case !x.HasAVX2 || !x.HasFMA:
		return Generic
	case !x.HasAVX512F || !x.HasAVX512BW || !x.HasAVX512DQ || !x.HasAVX512VL:
		return AVX2
	}
	return AVX512
}()

func gemm(p *Product, c, a, b, bias []float32, taps []Tap) {
	if tier == AVX512 {
		gemmTiled(&planAVX512, p, c, a, b, bias, taps)
	} else if tier == AVX2 {
		gemmTiled(&planAVX2, p, c, a, b, bias, taps)
	} else if p.flush {
		gemmRoundedGeneric(p, c, a, b, bias, taps)
		p.gate(c)
	} else {
		gemmGeneric(p, c, a, b, bias, taps)
		p.gate(c)
	}
}

func dot(p *Product, c, a, b, bias []float32, taps []Tap) {
	if tier == AVX512 {
		dotTiled(16, &dotRowsAVX512, p, c, a, b, bias, taps)
	} else if tier == AVX2 {
		dotTiled(8, &dotRowsAVX2, p, c, a, b, bias, taps)
	} else {
		dotGeneric(p, c, a, b, bias, taps)
	}
}

func transpose(dst []float32, ldd int, src []float32, lds, rows, cols int) {
	const block = 8
	i, blocks := 0, cols/block
	if tier != Generic && blocks > 0 {
		for ; i+block <= rows; i += block {
			transposeRowsAVX2(&dst[i], ldd, &src[i*lds], lds, blocks)
		}
		if rest := blocks * block; rest < cols {
			transposeGeneric(dst[rest*ldd:], ldd, src[rest:], lds, i, cols-rest)
		}
	}
	if i < rows {
		transposeGeneric(dst[i:], ldd, src[i*lds:], lds, rows-i, cols)
	}
}

// peakChains is how many multiply-adds the generated peak loops do a round.
const peakChains = 12

func mulAdds(n int) int {
	if tier == AVX512 {
		peakAVX512(n)
		return n * peakChains * 16
	} else if tier == AVX2 {
		peakAVX2(n)
		return n * peakChains * 8
	}
	return mulAddsGeneric(n)
}
