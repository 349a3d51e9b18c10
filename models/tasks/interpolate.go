package tasks

import (
	"fmt"
	"math"
)

// Path is the way from one code to another.
type Path int

const (
	// Linear goes straight: (1−t)·a + t·b.
	Linear Path = iota
	// Spherical goes along the arc between the directions of a and b, its length
	// changing evenly from |a| to |b|: sin((1−t)ω)/sin ω · a + sin(tω)/sin ω · b
	// for codes of one length, ω being the angle between them (Shoemake,
	// Animating Rotation with Quaternion Curves, 1985). Codes of a normal prior in
	// many dimensions lie near a sphere, whose inside a straight line crosses
	// (White, Sampling Generative Networks, 2016).
	Spherical
)

// String returns "linear" or "spherical".
func (p Path) String() string {
	if p == Spherical {
		return "spherical"
	}
	return "linear"
}

// Interpolate returns codes [n steps z] from each of a [n z] to that of b, both
// ends included, for [train.Runner.Decode] or [Decode]. It wants two steps or
// more.
func Interpolate(a, b []float32, z, steps int, path Path) ([]float32, error) {
	switch {
	case z < 1 || len(a) != len(b) || len(a)%z != 0:
		return nil, fmt.Errorf("tasks: interpolate: %d and %d numbers, want as many codes of %d", len(a), len(b), z)
	case steps < 2:
		return nil, fmt.Errorf("tasks: interpolate: %d steps, want 2 or more", steps)
	}
	out := make([]float32, 0, len(a)*steps)
	for ; len(a) > 0; a, b = a[z:], b[z:] {
		for k := range steps {
			t := float64(k) / float64(steps-1)
			wa, wb := path.weights(a[:z], b[:z], t)
			for i := range z {
				out = append(out, float32(wa*float64(a[i])+wb*float64(b[i])))
			}
		}
	}
	return out, nil
}

// weights returns those of a and b at t.
func (p Path) weights(a, b []float32, t float64) (wa, wb float64) {
	if p == Linear || t == 0 || t == 1 {
		return 1 - t, t
	}
	dot, na, nb := 0.0, 0.0, 0.0
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		dot, na, nb = dot+x*y, na+x*x, nb+y*y
	}
	na, nb = math.Sqrt(na), math.Sqrt(nb)
	omega := math.Acos(min(max(dot/(na*nb), -1), 1))
	// Codes without a direction, or on one line through 0, have no arc between
	// them.
	if !(na > 0 && nb > 0) || math.Sin(omega) < 1e-6 {
		return 1 - t, t
	}
	length := (1-t)*na + t*nb
	return length / na * math.Sin((1-t)*omega) / math.Sin(omega), length / nb * math.Sin(t*omega) / math.Sin(omega)
}
