package plots

import (
	"math"
	"strconv"

	"gonum.org/v1/plot"
)

// widen adds a share of the range at both ends. A range too narrow for ticks to differ, a single
// value above all, becomes one in which the value lies in the middle.
func widen(low, high, share float64) (float64, float64) {
	if size := max(math.Abs(low), math.Abs(high)); high-low < 1e-6*size || high == low {
		half := max(0.1*size, math.SmallestNonzeroFloat32)
		if size == 0 {
			half = 0.5
		}
		return low - half, high + half
	}
	add := share * (high - low)
	return low - add, high + add
}

// niceStep returns the smallest 1, 2 or 5 times a power of ten that cuts the range into at most n.
func niceStep(low, high float64, n int) float64 {
	raw := (high - low) / float64(n)
	power := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= raw {
			return m * power
		}
	}
	return 10 * power
}

// multiples returns the labelled multiples of step from low to high.
func multiples(low, high, step float64) []plot.Tick {
	var ticks []plot.Tick
	for i := math.Ceil(low / step); i*step <= high; i++ {
		ticks = append(ticks, plot.Tick{Value: i * step, Label: label(i*step, step)})
	}
	return ticks
}

// label writes v with as many digits as tell it from v+step.
func label(v, step float64) string {
	size := math.Abs(v)
	// The last digit that is needed; the factor keeps a power of ten from falling below itself.
	last := math.Floor(math.Log10(step * (1 + 1e-9)))
	switch {
	case size < step/2 && step < 1e-4:
		return "0"
	case size >= 1e5 || step < 1e-4:
		first := math.Floor(math.Log10(size * (1 + 1e-9)))
		return strconv.FormatFloat(v, 'e', max(0, int(first-last)), 64)
	default:
		return strconv.FormatFloat(v+0, 'f', max(0, -int(last)), 64) // +0 makes a zero of -0
	}
}

// epochTicks marks whole numbers only: half an epoch has no loss.
type epochTicks struct{}

// Ticks returns at most eleven labelled ticks.
func (epochTicks) Ticks(low, high float64) []plot.Tick {
	ticks := multiples(low, high, max(1, niceStep(low, high, 10)))
	for i := range ticks {
		ticks[i].Label = strconv.FormatFloat(ticks[i].Value+0, 'f', 0, 64)
	}
	return ticks
}

// lossTicks marks a linear axis.
type lossTicks struct{}

// Ticks returns at most eight labelled ticks.
func (lossTicks) Ticks(low, high float64) []plot.Tick {
	return multiples(low, high, niceStep(low, high, 8))
}

// logTicks marks an axis of decimal logarithms with the numbers they stand for: powers of ten over many decades, 1, 2 and 5 times those over
// few, and even steps within less than one.
type logTicks struct{}

// Ticks returns labelled ticks and, between powers of ten, unlabelled ones.
func (logTicks) Ticks(low, high float64) []plot.Tick {
	decades := high - low
	if decades < 0.8 {
		low, high := math.Pow(10, low), math.Pow(10, high)
		ticks := multiples(low, high, niceStep(low, high, 8))
		for i := range ticks {
			ticks[i].Value = math.Log10(ticks[i].Value)
		}
		return ticks
	}
	every := int(math.Ceil(decades / 8)) // powers of ten from one label to the next
	var ticks []plot.Tick
	for e := int(math.Floor(low)); e <= int(math.Ceil(high)); e++ {
		for m := 1; m <= 9; m++ {
			t := plot.Tick{Value: float64(e) + math.Log10(float64(m))}
			if t.Value < low || t.Value > high {
				continue
			}
			switch {
			case m == 1 && e%every == 0, decades < 3 && (m == 2 || m == 5):
				power := math.Pow(10, float64(e))
				t.Label = label(float64(m)*power, power)
			case every > 1:
				continue // too dense for marks between
			}
			ticks = append(ticks, t)
		}
	}
	return ticks
}
