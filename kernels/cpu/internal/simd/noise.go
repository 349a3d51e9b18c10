package simd

import (
	"math"

	"hourglass/kernels"
)

// A Philox is a place in a sequence of random words: the key and the counter of
// kernels.Philox, which goes up by one for each four words.
type Philox struct {
	Key     [2]uint32
	Counter [4]uint32
}

// The functions below fill dst with numbers that kernels.Noise defines, from the
// words of p on. Where vectors draw them, the normal numbers err by 2e-7 of
// their size; a number's bits do not depend on where dst begins or ends, as long
// as it begins with a block of four.

// Uniforms draws numbers from 0 to 1, without 1.
func Uniforms(dst []float32, p Philox) { p.fill(dst, 0, kernels.Uniform, uniformsGeneric) }

// Normals draws normal numbers of mean 0 and variance 1.
func Normals(dst []float32, p Philox) { p.fill(dst, 0, kernels.Normal, normalsGeneric) }

// Bernoullis draws a 1 where the upper 24 bits of the word are less than below,
// at most 2²⁴, else 0.
func Bernoullis(dst []float32, p Philox, below uint32) {
	p.fill(dst, below, kernels.Bernoulli, bernoullisGeneric)
}

// noiseState is what the assembly reads.
type noiseState [7]uint32

// fill draws whole groups of blocks by groups, if the tier has vectors of some
// width, and what is left through a group of its own.
func (p Philox) fill(dst []float32, below uint32, d kernels.Dist, four func(w [4]uint32, below uint32) [4]float32) {
	group := 4 * noiseLanes()
	if group == 0 || uint64(p.Counter[0])+uint64(len(dst)/4+group) > math.MaxUint32 {
		p.portable(dst, below, four)
		return
	}
	s := noiseState{p.Key[0], p.Key[1], p.Counter[0], p.Counter[1], p.Counter[2], p.Counter[3], below}
	whole := len(dst) / group * group
	if whole > 0 {
		groups(d, dst[:whole], &s)
	}
	if rest := dst[whole:]; len(rest) > 0 {
		var last [4 * 16]float32
		s[2] += uint32(whole / 4)
		groups(d, last[:group], &s)
		copy(rest, last[:])
	}
}

// groups draws whole groups. It calls the assembly by name, since what goes
// through a function's value would be allocated at every step.
func groups(d kernels.Dist, dst []float32, s *noiseState) {
	switch d {
	case kernels.Uniform:
		uniforms(dst, s)
	case kernels.Normal:
		normals(dst, s)
	default:
		bernoullis(dst, s)
	}
}

// portable draws block by block.
func (p Philox) portable(dst []float32, below uint32, four func(w [4]uint32, below uint32) [4]float32) {
	low := uint64(p.Counter[0]) | uint64(p.Counter[1])<<32
	for at := 0; at < len(dst); at += 4 {
		counter := [4]uint32{uint32(low), uint32(low >> 32), p.Counter[2], p.Counter[3]}
		y := four(kernels.Philox(p.Key, counter), below)
		copy(dst[at:], y[:])
		low++
	}
}

func uniformsGeneric(w [4]uint32, _ uint32) (y [4]float32) {
	for i, r := range w {
		y[i] = float32(r>>8) * (1.0 / (1 << 24))
	}
	return y
}

func bernoullisGeneric(w [4]uint32, below uint32) (y [4]float32) {
	for i, r := range w {
		if r>>8 < below {
			y[i] = 1
		}
	}
	return y
}

func normalsGeneric(w [4]uint32, _ uint32) (y [4]float32) {
	y[0], y[1] = boxMuller(w[0], w[1])
	y[2], y[3] = boxMuller(w[2], w[3])
	return y
}

// boxMuller maps two words to two independent normal numbers, with polynomials
// that err by less than 1e-9: math.Log and math.Sincos take three times as long
// for digits that float32 does not hold.
func boxMuller(r0, r1 uint32) (float32, float32) {
	a := float32(r0)*(1.0/(1<<32)) + 1.0/(1<<33)
	radius := math.Sqrt(-2 * logarithm(a))
	sin, cos := turn(r1 >> 8)
	return float32(radius * cos), float32(radius * sin)
}

// logarithm returns ln a of a positive normal number, as e·ln 2 + 2·artanh s
// with a = 2ᵉ·m, √½ ≤ m < √2 and s = (m−1)/(m+1).
func logarithm(a float32) float64 {
	const one, halfRoot = 0x3f800000, 0x3f3504f3 // 1 and √½
	bits := math.Float32bits(a) + (one - halfRoot)
	e := int32(bits>>23) - 127
	m := float64(math.Float32frombits(bits&(1<<23-1) + halfRoot))
	s := (m - 1) / (m + 1)
	s2 := s * s
	series := 1 + s2*(1./3+s2*(1./5+s2*(1./7+s2*(1./9+s2*(1./11)))))
	return float64(e)*math.Ln2 + 2*s*series
}

// turn returns sine and cosine of k·2⁻²⁴ full turns by their Taylor series about
// the nearest quarter turn.
func turn(k uint32) (sin, cos float64) {
	quarter := (k + 1<<21) >> 22
	x := float64(int32(k)-int32(quarter<<22)) * (2 * math.Pi / (1 << 24))
	x2 := x * x
	s := x * (1 + x2*(-1./6+x2*(1./120+x2*(-1./5040+x2*(1./362880)))))
	c := 1 + x2*(-1./2+x2*(1./24+x2*(-1./720+x2*(1./40320+x2*(-1./3628800)))))
	switch quarter & 3 {
	case 0:
		return s, c
	case 1:
		return c, -s
	case 2:
		return -s, -c
	}
	return -c, s
}
