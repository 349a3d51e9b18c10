package tasks

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Traversal is what becomes of a code when one of its units changes at a time.
type Traversal struct {
	Units  []int     // by how much they vary among the codes, the most first
	Steps  []float64 // in standard deviations of a unit
	Center []float32 // the code that the others depart from, [z]
	Codes  []float32 // [len(Units) len(Steps) z]
}

// TraverseOptions says what to change. The zero value is the usual.
type TraverseOptions struct {
	// Units are those to change, in this order; nil for the 16 that vary most.
	Units []int
	// Steps is how many values each takes, 0 for 9, and Range the standard
	// deviations that they go up and down, 0 for 3.
	Steps int
	Range float64
	// Center is the code to depart from; nil for the mean of the codes.
	Center []float32
}

// What the zero values of TraverseOptions stand for.
const (
	traverseUnits = 16
	traverseSteps = 9
	traverseRange = 3
)

// Traverse changes the units of a code by themselves, from −Range to Range
// standard deviations about their mean. Mean and deviation are those of codes
// [n z]; a unit is kept to the range that it has there.
func Traverse(codes []float32, z int, o TraverseOptions) (Traversal, error) {
	if z < 1 || len(codes) == 0 || len(codes)%z != 0 {
		return Traversal{}, fmt.Errorf("tasks: traverse: %d numbers, want codes of %d", len(codes), z)
	}
	s, err := statisticsOf(codes, z)
	if err != nil {
		return Traversal{}, err
	}
	t := Traversal{Units: o.Units, Center: o.Center}
	if t.Units == nil {
		t.Units = s.byDeviation()[:min(z, traverseUnits)]
	}
	if t.Center == nil {
		for _, v := range s.mean {
			t.Center = append(t.Center, float32(v))
		}
	}
	o.Steps, o.Range = cmp.Or(o.Steps, traverseSteps), cmp.Or(o.Range, traverseRange)
	switch {
	case len(t.Center) != z:
		return t, fmt.Errorf("tasks: traverse: a center of %d numbers, want %d", len(t.Center), z)
	case o.Steps < 2:
		return t, fmt.Errorf("tasks: traverse: %d steps, want 2 or more", o.Steps)
	case !(o.Range > 0) || math.IsInf(o.Range, 0):
		return t, fmt.Errorf("tasks: traverse: a range of %g standard deviations, want more than 0", o.Range)
	}
	for k := range o.Steps {
		t.Steps = append(t.Steps, o.Range*(2*float64(k)/float64(o.Steps-1)-1))
	}
	for _, unit := range t.Units {
		if unit < 0 || unit >= z {
			return t, fmt.Errorf("tasks: traverse: unit %d, want 0 to %d", unit, z-1)
		}
		for _, step := range t.Steps {
			code := slices.Clone(t.Center)
			code[unit] = min(max(float32(s.mean[unit]+step*s.deviation[unit]), s.low[unit]), s.high[unit])
			t.Codes = append(t.Codes, code...)
		}
	}
	return t, nil
}

// byDeviation returns the units, those that vary most first.
func (s statistics) byDeviation() []int {
	units := make([]int, len(s.deviation))
	for i := range units {
		units[i] = i
	}
	slices.SortStableFunc(units, func(a, b int) int { return cmp.Compare(s.deviation[b], s.deviation[a]) })
	return units
}
