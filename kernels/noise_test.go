package kernels

import (
	"math"
	"testing"
)

// TestPhilox holds the generator to the known answers that its authors publish
// with it (Random123, kat_vectors, philox4x32 of 10 rounds).
func TestPhilox(t *testing.T) {
	const ones = 0xffffffff
	for _, c := range []struct {
		ctr  [4]uint32
		key  [2]uint32
		want [4]uint32
	}{
		{[4]uint32{}, [2]uint32{}, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{[4]uint32{ones, ones, ones, ones}, [2]uint32{ones, ones}, [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{[4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, [2]uint32{0xa4093822, 0x299f31d0},
			[4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	} {
		if got := Philox(c.key, c.ctr); got != c.want {
			t.Errorf("Philox(%x, %x) = %x, want %x", c.key, c.ctr, got, c.want)
		}
	}
}

// draw returns n numbers of one step.
func draw(s Noise, step, n int) []float64 {
	out := NewArray(Shape{n})
	s.Ref(out, NewArray(Shape{n}), Array{Shape{1}, []float64{float64(step)}})
	return out.Data
}

const samples = 1_000_000

// TestNoiseMoments checks mean, variance, skewness and kurtosis of each
// distribution to five standard errors.
func TestNoiseMoments(t *testing.T) {
	for _, c := range []struct {
		s    Noise
		want [4]float64 // mean and central moments 2, 3, 4
		m6   float64    // central moments 6 and 8 bound the errors
		m8   float64
	}{
		{Noise{Dist: Normal, Seed: 1}, [4]float64{0, 1, 0, 3}, 15, 105},
		{Noise{Dist: Uniform, Seed: 2}, [4]float64{0.5, 1. / 12, 0, 1. / 80}, 1. / 448, 1. / 2304},
		{Noise{Dist: Bernoulli, P: 0.3, Seed: 3}, [4]float64{0.3, 0.21, 0.084, 0.0777},
			0.3*math.Pow(0.7, 6) + 0.7*math.Pow(0.3, 6), 0.3*math.Pow(0.7, 8) + 0.7*math.Pow(0.3, 8)},
	} {
		x := draw(c.s, 7, samples)
		var got [4]float64
		for _, v := range x {
			d := v - c.want[0]
			got[0] += d / samples
			got[1] += d * d / samples
			got[2] += d * d * d / samples
			got[3] += d * d * d * d / samples
		}
		got[0] += c.want[0]
		variance := [4]float64{c.want[1], c.want[3] - c.want[1]*c.want[1], c.m6 - c.want[2]*c.want[2], c.m8 - c.want[3]*c.want[3]}
		for i := range got {
			if limit := 5 * math.Sqrt(variance[i]/samples); !(math.Abs(got[i]-c.want[i]) <= limit) {
				t.Errorf("%v: moment %d is %g, want %g ± %g", c.s.Dist, i+1, got[i], c.want[i], limit)
			}
		}
	}
}

// TestNoiseTails compares the normal numbers' distribution function with the
// true one at several places, far tails included.
func TestNoiseTails(t *testing.T) {
	x := draw(Noise{Dist: Normal, Seed: 11}, 0, samples)
	for _, at := range []float64{-4, -3, -2, -1, -0.1, 0, 0.1, 1, 2, 3, 4} {
		below := 0.
		for _, v := range x {
			below += truth(v < at) / samples
		}
		want := normalCDF(at)
		if limit := 5 * math.Sqrt(want*(1-want)/samples); !(math.Abs(below-want) <= limit) {
			t.Errorf("P(x < %g) = %g, want %g ± %g", at, below, want, limit)
		}
	}
}

// TestNoiseIndependence checks that neighbouring elements, steps, streams and
// seeds do not correlate, and that none repeats another.
func TestNoiseIndependence(t *testing.T) {
	base := Noise{Dist: Normal, Seed: 5, Stream: 3}
	other := func(seed uint64, stream uint32) Noise { return Noise{Dist: Normal, Seed: seed, Stream: stream} }
	x := draw(base, 9, samples+8)
	for name, y := range map[string][]float64{
		"the next step":            draw(base, 10, samples),
		"the next stream":          draw(other(5, 4), 9, samples),
		"the next seed":            draw(other(6, 3), 9, samples),
		"a seed of other high bit": draw(other(5|1<<32, 3), 9, samples),
		"step and stream swapped":  draw(other(5, 9), 3, samples),
		"the next element":         x[1:],
		"the second next element":  x[2:],
		"the next block":           x[4:],
	} {
		dot, square, same := 0., 0., 0
		for i := range samples {
			dot += x[i] * y[i] / samples
			square += (x[i]*x[i] - 1) * (y[i]*y[i] - 1) / samples
			if x[i] == y[i] {
				same++
			}
		}
		// the products' standard deviations are 1 and 2
		if limit := 5 / math.Sqrt(samples); !(math.Abs(dot) <= limit) || !(math.Abs(square) <= 2*limit) || same > 2 {
			t.Errorf("%s: correlation %g, of squares %g, %d equal elements; want within %g, %g, 2", name, dot, square, same, limit, 2*limit)
		}
	}
}

// TestNoiseRanges checks that element i is word i%4 of block i/4, at lengths
// that are no multiple of four too, and the extremes of each mapping.
func TestNoiseRanges(t *testing.T) {
	for _, dist := range []Dist{Normal, Uniform, Bernoulli} {
		s := Noise{Dist: dist, P: 0.5, Seed: 8, Stream: 2}
		long := draw(s, 4, 103)
		for i, v := range draw(s, 4, 101) {
			if v != long[i] || v != s.Four(4, uint64(i/4))[i%4] {
				t.Fatalf("%v: element %d depends on the length", dist, i)
			}
		}
	}
	for _, v := range draw(Noise{Dist: Bernoulli, P: 0, Seed: 1}, 0, 1000) {
		if v != 0 {
			t.Fatal("bernoulli: a 1 at probability 0")
		}
	}
	for _, v := range draw(Noise{Dist: Bernoulli, P: 1, Seed: 1}, 0, 1000) {
		if v != 1 {
			t.Fatal("bernoulli: a 0 at probability 1")
		}
	}
	if a := float32(math.MaxUint32)*(1.0/(1<<32)) + 1.0/(1<<33); a != 1 {
		t.Errorf("normal: the largest word maps to %g, want 1, whose logarithm is 0", a)
	}
}

func TestNoiseErrors(t *testing.T) {
	for _, c := range []struct {
		s    Noise
		in   []Operand
		want string
	}{
		{Noise{Dist: Normal}, []Operand{{Float32, Shape{3}}}, "normal: wants 2 operands, got 1"},
		{Noise{Dist: Normal}, []Operand{{Float32, Shape{3}}, {Int32, Shape{2}}}, "normal: step has shape [2], want [1]"},
		{Noise{Dist: Uniform}, []Operand{{Float32, Shape{3}}, {Float32, Shape{1}}}, "uniform: step is float32, want int32"},
		{Noise{Dist: Uniform}, []Operand{{Uint8, Shape{3}}, {Int32, Shape{1}}}, "uniform: like is uint8, want a floating-point type"},
		{Noise{Dist: Bernoulli, P: 1.5}, []Operand{{Float32, Shape{3}}, {Int32, Shape{1}}}, "bernoulli: probability 1.5, want 0 to 1"},
		{Noise{Dist: Bernoulli, P: math.NaN()}, []Operand{{Float32, Shape{3}}, {Int32, Shape{1}}}, "bernoulli: probability NaN, want 0 to 1"},
		{Noise{Dist: 9}, []Operand{{Float32, Shape{3}}, {Int32, Shape{1}}}, "dist(9): unknown distribution, want Normal, Uniform or Bernoulli"},
	} {
		if _, err := Infer(c.s, c.in...); err == nil || err.Error() != c.want {
			t.Errorf("got error %v, want %s", err, c.want)
		}
	}
}

// TestNoiseCounter pins where seed, step, stream and block go: another device,
// and a run that is resumed by a later version, must agree.
func TestNoiseCounter(t *testing.T) {
	s := Noise{Dist: Uniform, Seed: 0x0123456789abcdef, Stream: 7}
	if got, want := s.Key(), [2]uint32{0x89abcdef, 0x01234567}; got != want {
		t.Errorf("key %x, want %x", got, want)
	}
	if got, want := s.Counter(9, 5<<32|3), [4]uint32{3, 5, 7, 9}; got != want {
		t.Errorf("counter %x, want %x", got, want)
	}
	for i, r := range Philox([2]uint32{0x89abcdef, 0x01234567}, [4]uint32{3, 5, 7, 9}) {
		if got, want := s.Four(9, 5<<32|3)[i], float64(r>>8)/(1<<24); got != want {
			t.Errorf("element %d is %v, want %v", i, got, want)
		}
	}
}
