package plots

import (
	"fmt"
	"math"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"hourglass/models/metrics"
)

// Point is a place in a plot.
type Point struct{ X, Y float64 }

// Series is a named line through points, in their order.
type Series struct {
	Name   string
	Points []Point
}

// Lines is a figure of series with a key: a rate-distortion plot, a ROC. All
// points must be finite.
type Lines struct {
	Title, X, Y string // X and Y name the axes with their units
	Series      []Series
	// Reference is drawn as a thin grey line below the others: chance, a bound.
	Reference *Series
	// Unit makes both axes go from 0 to 1.
	Unit bool
	// LogX makes the x axis logarithmic; all X must then be positive.
	LogX bool
}

// ROC returns the figure of a receiver operating characteristic and its area.
func ROC(title string, curve []metrics.ROCPoint, area float64) Lines {
	points := make([]Point, len(curve))
	for i, p := range curve {
		points[i] = Point{p.FalsePositiveRate, p.TruePositiveRate}
	}
	return Lines{Title: title, X: "false positive rate", Y: "true positive rate", Unit: true,
		Series:    []Series{{fmt.Sprintf("area %.3f", area), points}},
		Reference: &Series{"chance: 0.5", []Point{{0, 0}, {1, 1}}}}
}

// PrecisionRecall returns the figure of a precision-recall curve and its average
// precision. share is the positives' share of all samples, which chance reaches.
func PrecisionRecall(title string, curve []metrics.PRPoint, average, share float64) Lines {
	points := make([]Point, len(curve))
	for i, p := range curve {
		points[i] = Point{p.Recall, p.Precision}
	}
	return Lines{Title: title, X: "recall", Y: "precision", Unit: true,
		Series:    []Series{{fmt.Sprintf("average precision %.3f", average), points}},
		Reference: &Series{fmt.Sprintf("chance: %.3f", share), []Point{{0, share}, {1, share}}}}
}

func (l Lines) layout() (sheet, error) {
	p := plot.New()
	name(p, l.Title, l.X, l.Y)
	p.X.Tick.Marker, p.Y.Tick.Marker = lossTicks{}, lossTicks{}
	if l.LogX {
		p.X.Tick.Marker = logTicks{}
		p.X.Label.Text = onLogScale(l.X)
	}
	p.Add(grid())
	k := key{legend: plot.NewLegend()}
	r := newRanges()
	for i, given := range l.Series {
		s, err := given.series(&r, l.LogX)
		if err != nil {
			return sheet{}, err
		}
		s.dress(i)
		p.Add(s)
		k.add(given.Name, s)
		k.avoid = append(k.avoid, s)
	}
	if len(k.avoid) == 0 {
		return sheet{}, fmt.Errorf("%s: want at least one series, got none", l.title())
	}
	if l.Reference != nil {
		s, err := l.Reference.series(&r, l.LogX)
		if err != nil {
			return sheet{}, err
		}
		s.plain = true
		s.line = draw.LineStyle{Color: markGrey, Width: vg.Points(0.8), Dashes: dashes[1]}
		p.Add(s)
		k.add(l.Reference.Name, s)
		k.avoid = append(k.avoid, s)
	}
	size := wide
	if l.Unit {
		r, size = ranges{0, 1, 0, 1}, square
	}
	r.set(p, 0.03)
	p.Add(k)
	return sheet{size: size, plots: []*plot.Plot{p}}, nil
}

// onLogScale adds to the name of an axis, within the parentheses of its unit.
func onLogScale(name string) string {
	if named, ok := strings.CutSuffix(name, ")"); ok {
		return named + ", log scale)"
	}
	return name + " (log scale)"
}

func (l Lines) title() string {
	if l.Title != "" {
		return l.Title
	}
	return "lines"
}

// series returns a line as it is drawn.
func (s Series) series(r *ranges, logX bool) (series, error) {
	if len(s.Points) == 0 {
		return series{}, fmt.Errorf("series %s: want at least one point, got none", s.Name)
	}
	run := make(plotter.XYs, len(s.Points))
	for i, pt := range s.Points {
		if logX && !(pt.X > 0) {
			return series{}, fmt.Errorf("series %s: point %d: %v has no place on a logarithmic axis", s.Name, i, pt.X)
		}
		if logX {
			pt.X = math.Log10(pt.X)
		}
		if err := r.take(pt); err != nil {
			return series{}, fmt.Errorf("series %s: point %d: %w", s.Name, i, err)
		}
		run[i] = plotter.XY(pt)
	}
	return series{name: s.Name, runs: []plotter.XYs{run}}, nil
}

// ranges is what the axes must hold.
type ranges struct{ left, right, low, high float64 }

func newRanges() ranges {
	return ranges{math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)}
}

// take widens the ranges to hold a point.
func (r *ranges) take(p Point) error {
	for _, v := range []float64{p.X, p.Y} {
		if !(math.Abs(v) <= math.MaxFloat32) {
			return fmt.Errorf("(%v, %v) has no place in a plot", p.X, p.Y)
		}
	}
	r.left, r.right = min(r.left, p.X), max(r.right, p.X)
	r.low, r.high = min(r.low, p.Y), max(r.high, p.Y)
	return nil
}

// set gives the axes of a plot the ranges and a margin.
func (r ranges) set(p *plot.Plot, margin float64) {
	p.X.Min, p.X.Max = widen(r.left, r.right, margin)
	p.Y.Min, p.Y.Max = widen(r.low, r.high, margin)
}
