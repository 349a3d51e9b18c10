package kernels

import (
	"fmt"
	"math"
)

// Noise draws independent random numbers: (like[shape], step int32[1]) →
// numbers of like's type and shape. like's values are not read.
//
// Element i at step t is a function of Seed, Stream, t and i alone, so it is
// the same on every device, for any number of threads and in a resumed run, and
// any range of elements can be drawn without the ones before it. With
//
//	r = Philox(key, counter)[i%4]
//	key = (Seed, Seed>>32)
//	counter = (i/4, i/4>>32, Stream, t)    each cut to 32 bits
//
// the element is, u being the 24-bit fraction (r>>8)·2⁻²⁴ in [0, 1):
//
//   - Uniform: u.
//   - Bernoulli: 1 where u < P, else 0.
//   - Normal: by Box and Muller (1958) from the pair of words r₀ (that of the
//     even element) and r₁ (that of the odd one): √(−2 ln a)·cos 2πb for the
//     even element and √(−2 ln a)·sin 2πb for the odd one, where b is the u of
//     r₁ and a = r₀·2⁻³² + 2⁻³³ in (0, 1], r₀ and the sum each rounded to
//     float32.
//
// Uniform and Bernoulli numbers are exact; devices compute the normal ones to
// 1e-6.
type Noise struct {
	Dist Dist
	// P is the probability of a 1, for Bernoulli alone.
	P      float64
	Seed   uint64
	Stream uint32
}

// Dist is a distribution of random numbers.
type Dist uint8

// The distributions.
const (
	Normal    Dist = iota // mean 0, variance 1
	Uniform               // from 0 to 1, without 1
	Bernoulli             // 1 with probability P, else 0
)

// String returns the distribution's name in lower case.
func (d Dist) String() string {
	if d > Bernoulli {
		return fmt.Sprintf("dist(%d)", uint8(d))
	}
	return [...]string{"normal", "uniform", "bernoulli"}[d]
}

// Name returns the distribution's name.
func (s Noise) Name() string { return s.Dist.String() }

// Infer returns the shape of like.
func (s Noise) Infer(in ...Shape) (Shape, error) {
	if err := arity(s, 2, in); err != nil {
		return nil, err
	}
	if s.Dist > Bernoulli {
		return nil, fmt.Errorf("%s: unknown distribution, want Normal, Uniform or Bernoulli", s.Name())
	}
	if s.Dist == Bernoulli && !(s.P >= 0 && s.P <= 1) {
		return nil, fmt.Errorf("%s: probability %g, want 0 to 1", s.Name(), s.P)
	}
	if !in[1].Equal(Shape{1}) {
		return nil, fmt.Errorf("%s: step has shape %v, want [1]", s.Name(), in[1])
	}
	return in[0], nil
}

// InferType returns the type of like.
func (s Noise) InferType(in ...DType) (DType, error) {
	if !in[0].Float() {
		return 0, fmt.Errorf("%s: like is %v, want a floating-point type", s.Name(), in[0])
	}
	if in[1] != Int32 {
		return 0, fmt.Errorf("%s: step is %v, want int32", s.Name(), in[1])
	}
	return in[0], nil
}

// Ref draws the numbers.
func (s Noise) Ref(out Array, in ...Array) {
	step := uint32(int32(in[1].Data[0]))
	for i := 0; i < len(out.Data); i += 4 {
		four := s.Four(step, uint64(i/4))
		copy(out.Data[i:], four[:])
	}
}

// Four returns elements 4·block to 4·block+3 of the given step, in float64. It
// is the definition of Noise, and draws initial weights on the host.
func (s Noise) Four(step uint32, block uint64) [4]float64 {
	words := Philox(s.Key(), s.Counter(step, block))
	var u [4]float64
	for i, r := range words {
		u[i] = float64(r>>8) / (1 << 24)
	}
	switch s.Dist {
	case Bernoulli:
		for i := range u {
			u[i] = truth(u[i] < s.P)
		}
	case Normal:
		for i := 0; i < 4; i += 2 {
			a := float32(words[i])*(1.0/(1<<32)) + 1.0/(1<<33)
			radius := math.Sqrt(-2 * math.Log(float64(a)))
			sin, cos := math.Sincos(2 * math.Pi * u[i+1])
			u[i], u[i+1] = radius*cos, radius*sin
		}
	}
	return u
}

// Key returns the key of the generator.
func (s Noise) Key() [2]uint32 { return [2]uint32{uint32(s.Seed), uint32(s.Seed >> 32)} }

// Counter returns the counter of elements 4·block to 4·block+3.
func (s Noise) Counter(step uint32, block uint64) [4]uint32 {
	return [4]uint32{uint32(block), uint32(block >> 32), s.Stream, step}
}

// The constants of Philox4x32, by which devices compute it: two multipliers and
// the two steps of the key from round to round.
const (
	PhiloxM0     = 0xD2511F53
	PhiloxM1     = 0xCD9E8D57
	PhiloxW0     = 0x9E3779B9
	PhiloxW1     = 0xBB67AE85
	PhiloxRounds = 10
)

// Philox returns four random words for a key and a counter: Philox4x32-10, a
// bijection of the counter that passes the usual statistical tests (Salmon,
// Moraes, Dror and Shaw, Parallel Random Numbers: As Easy as 1, 2, 3, 2011).
func Philox(key [2]uint32, ctr [4]uint32) [4]uint32 {
	// scalars, as the compiler keeps no array in registers
	k0, k1 := key[0], key[1]
	c0, c1, c2, c3 := ctr[0], ctr[1], ctr[2], ctr[3]
	for range PhiloxRounds {
		p0, p1 := PhiloxM0*uint64(c0), PhiloxM1*uint64(c2)
		c0, c1, c2, c3 = uint32(p1>>32)^c1^k0, uint32(p1), uint32(p0>>32)^c3^k1, uint32(p0)
		k0 += PhiloxW0
		k1 += PhiloxW1
	}
	return [4]uint32{c0, c1, c2, c3}
}
