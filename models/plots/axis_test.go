package plots

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"gonum.org/v1/plot"
)

// labels returns the texts of the labelled ticks.
func labels(ticks []plot.Tick) (out []string) {
	for _, t := range ticks {
		if t.Label != "" {
			out = append(out, t.Label)
		}
	}
	return out
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		marker    plot.Ticker
		low, high float64
		want      string
	}{
		{epochTicks{}, 0.98, 2.02, "1 2"},
		{epochTicks{}, 0.9, 1.1, "1"},
		{epochTicks{}, -1, 31, "0 5 10 15 20 25 30"},
		{epochTicks{}, 0, 200000, "0 20000 40000 60000 80000 100000 120000 140000 160000 180000 200000"},
		{lossTicks{}, -0.5, 0.5, "-0.4 -0.2 0.0 0.2 0.4"},
		{lossTicks{}, 0.0091, 0.0125, "0.0095 0.0100 0.0105 0.0110 0.0115 0.0120 0.0125"},
		{lossTicks{}, 88, 161, "90 100 110 120 130 140 150 160"},
		{lossTicks{}, 0, 3.5e-6, "0 5e-07 1.0e-06 1.5e-06 2.0e-06 2.5e-06 3.0e-06 3.5e-06"},
		{lossTicks{}, 0, 3.1e38, "0 5e+37 1.0e+38 1.5e+38 2.0e+38 2.5e+38 3.0e+38"},
		{logTicks{}, -2.05, -0.5, "0.01 0.02 0.05 0.1 0.2"},
		{logTicks{}, -3.05, 1.2, "0.001 0.01 0.1 1 10"},
		{logTicks{}, -1.7, -1.4, "0.020 0.025 0.030 0.035"},
		{logTicks{}, -45, 38, "1e-44 1e-33 1e-22 1e-11 1 1e+11 1e+22 1e+33"},
	} {
		if got := strings.Join(labels(c.marker.Ticks(c.low, c.high)), " "); got != c.want {
			t.Errorf("%T from %g to %g: %q, want %q", c.marker, c.low, c.high, got, c.want)
		}
	}
}

// TestTicksOnAnyRange draws ranges of every size: each gets a readable number of different labels.
func TestTicksOnAnyRange(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 5000 {
		middle := r.NormFloat64() * math.Pow(10, r.Float64()*70-40)
		half := math.Abs(middle) * math.Pow(10, r.Float64()*9-8)
		low, high := widen(middle-half, middle+half, 0.06)
		ranges := map[plot.Ticker][2]float64{lossTicks{}: {low, high}}
		a, b := widen(r.Float64()*80-45, r.Float64()*80-45, 0)
		if a < b {
			ranges[logTicks{}] = [2]float64{a, b}
		}
		for marker, ends := range ranges {
			got := labels(marker.Ticks(ends[0], ends[1]))
			seen := map[string]bool{}
			for _, s := range got {
				seen[s] = true
			}
			if len(got) < 2 || len(got) > 12 || len(seen) != len(got) {
				t.Fatalf("%T from %g to %g: labels %q", marker, ends[0], ends[1], got)
			}
		}
	}
}

func TestWidenAlwaysLeavesARange(t *testing.T) {
	for _, c := range [][2]float64{{0, 0}, {1, 1}, {-7, -7}, {1, 1 + 1e-15}, {5e-324, 5e-324}, {-3e38, 3e38}, {2, 3}} {
		low, high := widen(c[0], c[1], 0.02)
		if !(low < c[0] && high > c[1]) || math.IsInf(high-low, 0) {
			t.Errorf("widen(%g, %g) = (%g, %g), want room at both ends", c[0], c[1], low, high)
		}
	}
}
