package tasks

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"hourglass/models/metrics"
)

// Manifold is a square grid in the space of codes.
type Manifold struct {
	Side  int
	Codes []float32 // [Side Side z], in reading order: x rises to the right, y upwards
	X, Y  string    // what the axes are: "unit 0", "component 1"
}

// ManifoldOptions says where the grid lies. The zero value is the usual.
type ManifoldOptions struct {
	// Side is the number of places along an axis, 0 for 20.
	Side int
	// Axes are the two units along which the grid lies, where z is more than 2;
	// nil for the first two principal components of the codes.
	Axes *[2]int
	// Prior spaces places by quantiles of N(0, 1) for each unit, which is what
	// codes of a variational model follow, in place of those of the codes. It
	// goes with codes of 2 units, or with Axes.
	Prior bool
}

const manifoldSide = 20

// NewManifold returns a grid at the quantiles ½/Side, 1½/Side, … along two axes:
// each of its squares stands for as many codes, as in figure 4 of Kingma and
// Welling, Auto-Encoding Variational Bayes (2014). Quantiles are those of codes
// [n z] or, with Prior, of the normal distribution; units that are no axis are at
// their mean, with Prior at 0.
func NewManifold(codes []float32, z int, o ManifoldOptions) (Manifold, error) {
	m := Manifold{Side: cmp.Or(o.Side, manifoldSide)}
	switch {
	case z < 2:
		return m, fmt.Errorf("tasks: manifold: codes of %d unit, want 2 or more for a plane", z)
	case len(codes)%z != 0 || len(codes) == 0:
		return m, fmt.Errorf("tasks: manifold: %d numbers, want codes of %d", len(codes), z)
	case m.Side < 2:
		return m, fmt.Errorf("tasks: manifold: a side of %d places, want 2 or more", m.Side)
	}
	if o.Axes == nil && z == 2 {
		o.Axes = &[2]int{0, 1}
	}
	if o.Axes == nil {
		return m, m.alongComponents(codes, z)
	}
	x, y := o.Axes[0], o.Axes[1]
	if x < 0 || x >= z || y < 0 || y >= z || x == y {
		return m, fmt.Errorf("tasks: manifold: axes %d and %d, want two units of 0 to %d", x, y, z-1)
	}
	m.X, m.Y = fmt.Sprintf("unit %d", x), fmt.Sprintf("unit %d", y)
	return m, m.alongUnits(codes, z, x, y, o.Prior)
}

// alongUnits fills the grid along two units.
func (m *Manifold) alongUnits(codes []float32, z, x, y int, prior bool) error {
	s, err := statisticsOf(codes, z)
	if err != nil {
		return err
	}
	base := make([]float32, z)
	var across, up []float64
	if prior {
		across = m.quantiles(normalQuantile)
		up = across
	} else {
		for i, v := range s.mean {
			base[i] = float32(v)
		}
		column := func(unit int) []float64 {
			values := make([]float64, 0, len(codes)/z)
			for i := unit; i < len(codes); i += z {
				values = append(values, float64(codes[i]))
			}
			return m.quantiles(empirical(values))
		}
		across, up = column(x), column(y)
	}
	m.fill(across, up, func(u, v float64) []float32 {
		code := slices.Clone(base)
		code[x], code[y] = float32(u), float32(v)
		return code
	})
	return nil
}

// alongComponents fills the grid along the codes' first two principal
// components.
func (m *Manifold) alongComponents(codes []float32, z int) error {
	if _, err := statisticsOf(codes, z); err != nil { // finds what is not finite
		return err
	}
	var moments metrics.Moments
	if err := moments.Add(codes, z); err != nil {
		return err
	}
	p, err := moments.PCA(2)
	if err != nil {
		return err
	}
	flat, err := p.Transform(codes)
	if err != nil {
		return err
	}
	var values [2][]float64
	for i, v := range flat {
		values[i%2] = append(values[i%2], float64(v))
	}
	m.X, m.Y = "component 1", "component 2"
	var failed error
	m.fill(m.quantiles(empirical(values[0])), m.quantiles(empirical(values[1])), func(u, v float64) []float32 {
		code, err := p.Inverse([]float32{float32(u), float32(v)})
		if err != nil {
			failed = err
		}
		return code
	})
	return failed
}

// fill appends the codes of all places, the uppermost line first.
func (m *Manifold) fill(across, up []float64, code func(u, v float64) []float32) {
	for row := range m.Side {
		for column := range m.Side {
			m.Codes = append(m.Codes, code(across[column], up[m.Side-1-row])...)
		}
	}
}

// quantiles returns a distribution's quantiles at the middles of Side equal
// parts.
func (m *Manifold) quantiles(of func(p float64) float64) []float64 {
	q := make([]float64, m.Side)
	for i := range q {
		q[i] = of((float64(i) + 0.5) / float64(m.Side))
	}
	return q
}

// normalQuantile is the inverse of N(0, 1)'s distribution function.
func normalQuantile(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }

// empirical returns the quantiles of values, between two of them in a line. It
// sorts them.
func empirical(values []float64) func(p float64) float64 {
	slices.Sort(values)
	return func(p float64) float64 {
		at := p * float64(len(values)-1)
		i := int(at)
		next := values[min(i+1, len(values)-1)]
		return values[i] + (at-float64(i))*(next-values[i])
	}
}
