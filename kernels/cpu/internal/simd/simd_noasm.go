//go:build !amd64 || purego

package simd

// best is the portable tier where there is no assembly.
const best = Generic

func gemm(p *Product, c, a, b, bias []float32, taps []Tap) {
	if p.flush {
		gemmRoundedGeneric(p, c, a, b, bias, taps)
		p.gate(c)
	} else {
		gemmGeneric(p, c, a, b, bias, taps)
		p.gate(c)
	}
}

// hasBF16 is false where there is no assembly.
const hasBF16 = false

func gemmPairs(p *Product, c, a, b, bias []float32, taps []Tap) { panic("simd: no AVX512-BF16") }

func pairRows([]Pair, []float32, []float32, uint16) int { return 0 }

func pairNeighbours([]Pair, []float32) int { return 0 }

func dot(p *Product, c, a, b, bias []float32, taps []Tap) { dotGeneric(p, c, a, b, bias, taps) }

func transpose(dst []float32, ldd int, src []float32, lds, rows, cols int) {
	transposeGeneric(dst, ldd, src, lds, rows, cols)
}

func mulAdds(n int) int { return mulAddsGeneric(n) }

func sum(s *[sumLanes]float64, x []float32) { sumGeneric(s, x) }

func sumProduct(s *[sumLanes]float64, x, y []float32) { sumProductGeneric(s, x, y) }

func sumRows(sum []float64, x []float32, step, rows int) { sumRowsGeneric(sum, x, step, rows) }

func sumProductRows(sum []float64, x, y []float32, step, rows int) {
	sumProductRowsGeneric(sum, x, y, step, rows)
}

func momentRows(sum, square, shift []float64, x []float32, step, rows int) {
	momentRowsGeneric(sum, square, shift, x, step, rows)
}

func scaleBytes(dst []float32, x []byte, factor float32) { scaleBytesGeneric(dst, x, factor) }

func fromBytes(dst []float32, x []byte, divisor float32) { fromBytesGeneric(dst, x, divisor) }

func prefetch([]float32) {}

func winogradInput(dst []float32, next int, d *Tiles) { winogradInputGeneric(dst, next, d) }

func winogradSpread(dst []float32, next int, y *Tiles) { winogradSpreadGeneric(dst, next, y) }

func winogradFilter(dst []float32, next int, g *Tiles, turned bool) {
	winogradFilterGeneric(dst, next, g, turned)
}

func winogradResult(y *Tiles, src []float32, next int, bias []float32) {
	winogradResultGeneric(y, src, next, bias)
}

func winogradGradient(g *Tiles, src []float32, next int) { winogradGradientGeneric(g, src, next) }

// noiseLanes is 0 where there is no assembly, so that nothing below is called.
func noiseLanes() int { return 0 }

func uniforms([]float32, *noiseState) { panic("simd: no vectors") }

func normals([]float32, *noiseState) { panic("simd: no vectors") }

func bernoullis([]float32, *noiseState) { panic("simd: no vectors") }
