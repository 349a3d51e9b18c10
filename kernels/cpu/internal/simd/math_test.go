package simd

import (
	"math"
	"testing"
)

// ulps returns how far got is from want in units in the last place of want as
// a float32, or 0 where both are NaN or the same infinity.
func ulps(got float32, want float64) float64 {
	nearest := float32(want)
	if got != got || want != want || math.IsInf(float64(nearest), 0) || math.IsInf(float64(got), 0) {
		if got == nearest || got != got && want != want {
			return 0
		}
		// A result that overflows only by rounding is a neighbour of infinity.
		if math.Abs(float64(got)) == math.MaxFloat32 || math.Abs(float64(nearest)) == math.MaxFloat32 {
			return 1
		}
		return math.Inf(1)
	}
	_, e := math.Frexp(want)
	return math.Abs(float64(got)-want) / math.Ldexp(1, max(e-24, -149))
}

var inf = float32(math.Inf(1))

// transcendental are the functions with a stated error.
var transcendental = []struct {
	name  string
	f     func(dst, x []float32)
	exact func(x float64) float64
	ulp   float64
	from  float32 // the statement is about arguments from here on, and NaN
}{
	{"Exp", Exp, math.Exp, 1.1, -inf},
	{"Log", Log, math.Log, 1, -inf},
	{"Tanh", Tanh, math.Tanh, 2, -inf},
	{"Sigmoid", Sigmoid, func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }, 3, -inf},
	{"Softplus", Softplus, func(x float64) float64 { return math.Max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }, 3, -inf},
	{"SiLU", SiLU, func(x float64) float64 { return x / (1 + math.Exp(-x)) }, 4, -87},
	{"GELU", GELU, exactGELU, 6, -12.8},
	{"ELU", func(dst, x []float32) { ELU(dst, x, 1) }, func(x float64) float64 { return choice(x > 0, x, math.Expm1(min(x, 0))) }, 2, -inf},
	{"SoftplusGrad", func(dst, x []float32) {
		minusOnes := make([]float32, len(x))
		for i := range minusOnes {
			minusOnes[i] = -1
		}
		SoftplusGrad(dst, x, minusOnes)
	}, func(x float64) float64 { return math.Expm1(-x) }, 2, -inf},
}

func exactGELU(x float64) float64 { return x * math.Erfc(-x/math.Sqrt2) / 2 }

// exactGELUSlope returns Φ(x) + x·φ(x) and the sum of its terms' sizes.
func exactGELUSlope(x float64) (slope, size float64) {
	phi := x * math.Exp(-x*x/2) / math.Sqrt(2*math.Pi)
	return math.Erfc(-x/math.Sqrt2)/2 + phi, math.Erfc(-x/math.Sqrt2)/2 + math.Abs(phi)
}

// special are the arguments at which such functions go wrong.
var special = func() (s []float32) {
	for _, v := range []float64{0, 0x1p-149, 0x1p-140, 0x1p-126, 0x1p-24, 0.5, 0.625, math.Sqrt2 / 2, 1, 10, 17.5, 87.3, 88.72283, 88.72284, 89, 103.27893, 103.97208, 104, 110, 1e10, math.MaxFloat32, math.Inf(1)} {
		x := float32(v)
		for _, y := range []float32{x, math.Nextafter32(x, 0), math.Nextafter32(x, float32(math.Inf(1)))} {
			s = append(s, y, -y)
		}
	}
	// The worst of each function that a search over every 11th float32 found.
	s = append(s, 5.1999264, -27.379135, 1.4132459, 0.63506174, -4.1529765, -2.745978, -7.580778,
		-5.0865765, -4.500823, -0.3793265, -0.37899703, 16.993643)
	return append(s, float32(math.NaN()))
}()

func TestTranscendental(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		for _, f := range transcendental {
			worst, at := 0.0, float32(0)
			x, y := make([]float32, 4096), make([]float32, 4096)
			check := func(x []float32) {
				f.f(y[:len(x)], x)
				for i, v := range x {
					if v < f.from {
						continue
					}
					if u := ulps(y[i], f.exact(float64(v))); !(u <= worst) {
						worst, at = u, v
					}
				}
			}
			check(special)
			// Every 9973rd float32 of either sign.
			for bits := uint64(0); bits < 1<<32; {
				for i := range x {
					x[i] = math.Float32frombits(uint32(bits))
					bits += 9973
				}
				check(x)
			}
			t.Logf("%s is off by %.2f ulp at worst, by %g", f.name, worst, at)
			if worst > f.ulp {
				t.Errorf("%s(%g) is off by %.2f ulp, stated %g", f.name, at, worst, f.ulp)
			}
		}
	})
}

// TestGELUSlope holds the derivatives of GELU to the terms that they are sums of.
func TestGELUSlope(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		for _, f := range []struct {
			name  string
			f     func(dst, x []float32)
			exact func(x float64) (y, size float64)
			error float64
		}{
			{"GELUSlope", GELUSlope, exactGELUSlope, 4e-7},
			{"GELUBend", GELUBend, func(x float64) (y, size float64) {
				phi := math.Exp(-x*x/2) / math.Sqrt(2*math.Pi)
				return phi * (2 - x*x), phi * (2 + x*x)
			}, 4e-7},
		} {
			x := append([]float32{}, special...)
			for v := float32(-13); v <= 13; v += 1. / 4096 {
				x = append(x, v)
			}
			y := make([]float32, len(x))
			f.f(y, x)
			worst, at := 0.0, float32(0)
			for i, v := range x {
				want, size := f.exact(float64(v))
				if math.IsNaN(want) != (y[i] != y[i]) {
					t.Errorf("%s(%g) = %g, want %g", f.name, v, y[i], want)
				} else if v < -13 || v > 13 || v != v { // φ is denormal, or 0
					if math.Abs(float64(y[i])-want) > 1e-35 {
						t.Errorf("%s(%g) = %g, want %g", f.name, v, y[i], want)
					}
				} else if d := math.Abs(float64(y[i])-want) / size; !(d <= worst) {
					worst, at = d, v
				}
			}
			t.Logf("%s is off by %.3g at worst", f.name, worst)
			if !(worst <= f.error) {
				t.Errorf("%s(%g) is off by %.3g of its terms, stated %g", f.name, at, worst, f.error)
			}
		}
	})
}

// TestVectorTiersAgree holds AVX2 and AVX-512 to the same bits.
func TestVectorTiersAgree(t *testing.T) {
	if Best() < AVX512 {
		t.Skip("this processor has no second tier with assembly to compare")
	}
	x, wide, narrow := make([]float32, 1<<16), make([]float32, 1<<16), make([]float32, 1<<16)
	for i := range x {
		x[i] = math.Float32frombits(uint32(i) * 65521)
	}
	for _, f := range transcendental {
		restore := Force(AVX512)
		f.f(wide, x)
		restore()
		restore = Force(AVX2)
		f.f(narrow, x)
		restore()
		for i := range x {
			if math.Float32bits(wide[i]) != math.Float32bits(narrow[i]) && x[i] == x[i] {
				t.Errorf("%s(%g) is %g by AVX-512, %g by AVX2", f.name, x[i], wide[i], narrow[i])
				break
			}
		}
	}
}
