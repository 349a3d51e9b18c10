package cpu

import (
	"math"

	"hourglass/kernels"
)

// noise draws random numbers as kernels.Noise defines them. A task draws whole
// blocks of four.
func noise(s kernels.Noise, out kernels.Operand) kernel {
	n := out.Shape.Size()
	tasks := pieces(n, 1<<13)
	four := fours(s)
	return single(tasks, func(c *call, task int, _ []float32) {
		from, to := split(n, tasks, task, 4)
		step := uint32(view[int32](c.in[1].bytes)[0])
		y := c.out.f32
		for ; from+4 <= to; from += 4 {
			*(*[4]float32)(y[from:]) = four(kernels.Philox(s.Key(), s.Counter(step, uint64(from/4))))
		}
		if from < to {
			last := four(kernels.Philox(s.Key(), s.Counter(step, uint64(from/4))))
			copy(y[from:to], last[:])
		}
	})
}

// fours returns the function that maps the words of a block to numbers.
func fours(s kernels.Noise) func(w [4]uint32) [4]float32 {
	switch s.Dist {
	case kernels.Uniform:
		return uniforms
	case kernels.Normal:
		return normals
	}
	below := uint32(math.Ceil(s.P * (1 << 24))) // k·2⁻²⁴ < P, exactly
	return func(w [4]uint32) (y [4]float32) {
		for i, r := range w {
			if r>>8 < below {
				y[i] = 1
			}
		}
		return y
	}
}

func uniforms(w [4]uint32) (y [4]float32) {
	for i, r := range w {
		y[i] = float32(r>>8) * (1.0 / (1 << 24))
	}
	return y
}

func normals(w [4]uint32) (y [4]float32) {
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
