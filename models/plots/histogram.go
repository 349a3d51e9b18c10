package plots

import (
	"fmt"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Histogram is a figure of how the values of groups are distributed: each bar is
// a share of its group, so that groups of any size compare.
type Histogram struct {
	Title, X string // X names the values with their unit
	Groups   []Group
	// Threshold is marked by a line where Mark is set.
	Threshold float64
	Mark      bool
}

// Group is a named set of values, all of them finite.
type Group struct {
	Name   string
	Values []float64
}

func (h Histogram) layout() (sheet, error) {
	edges, last, err := h.edges()
	if err != nil {
		return sheet{}, err
	}
	p := plot.New()
	name(p, h.Title, h.X, "share of samples (%)")
	p.X.Tick.Marker, p.Y.Tick.Marker = lossTicks{}, lossTicks{}
	p.Add(grid())
	k := key{legend: plot.NewLegend()}
	highest := 0.0
	for i, g := range h.Groups {
		b := bars{outline: g.outline(edges)}
		b.dress(i)
		b.outline.dress(i)
		for _, pt := range b.outline.runs[0] {
			highest = max(highest, pt.Y)
		}
		label := fmt.Sprintf("%s (%d)", g.Name, len(g.Values))
		if beyond := g.beyond(last); beyond > 0 {
			label = fmt.Sprintf("%s (%d, %d beyond the right)", g.Name, len(g.Values), beyond)
		}
		p.Add(b)
		k.add(label, b)
		k.avoid = append(k.avoid, b.outline)
	}
	right := edges[len(edges)-1]
	if h.Mark {
		right = max(right, h.Threshold)
		line := series{plain: true, runs: []plotter.XYs{{{X: h.Threshold, Y: 0}, {X: h.Threshold, Y: 1.06 * highest}}}}
		line.line = draw.LineStyle{Color: textGrey, Width: vg.Points(1.2), Dashes: dashes[1]}
		p.Add(line)
		k.add(fmt.Sprintf("threshold %.4g", h.Threshold), line)
		k.avoid = append(k.avoid, line)
	}
	ranges{min(edges[0], h.left()), right, 0, 1.06 * highest}.set(p, 0)
	p.X.Min, p.X.Max = widen(p.X.Min, p.X.Max, 0.02)
	p.Add(k)
	return sheet{size: wide, plots: []*plot.Plot{p}}, nil
}

// left is the threshold where that is marked.
func (h Histogram) left() float64 {
	if h.Mark {
		return h.Threshold
	}
	return math.Inf(1)
}

// edges returns the bounds of bins over all groups and the value behind which
// nothing is drawn, so that a few far values do not press all others into one bar.
// Bins are 2·IQR/∛n wide (Freedman and Diaconis, 1981), 15 to 60 of them.
func (h Histogram) edges() (edges []float64, last float64, err error) {
	var all []float64
	widest := 0.0
	for _, g := range h.Groups {
		if len(g.Values) == 0 {
			return nil, 0, fmt.Errorf("histogram: group %s has no values", g.Name)
		}
		sorted := slices.Sorted(slices.Values(g.Values))
		if first, end := sorted[0], sorted[len(sorted)-1]; math.IsNaN(first) || math.IsInf(first, 0) || math.IsInf(end, 0) {
			return nil, 0, fmt.Errorf("histogram: group %s has values that are not finite", g.Name)
		}
		n := len(sorted)
		all = append(all, sorted...)
		widest = max(widest, sorted[n-1-n/200]) // 99.5% of each group are shown
	}
	if len(all) == 0 {
		return nil, 0, fmt.Errorf("histogram: want at least one group, got none")
	}
	slices.Sort(all)
	n := len(all)
	first := all[0]
	last = min(all[n-1], widest)
	if last <= first {
		last = all[n-1]
	}
	width := 2 * (all[3*n/4] - all[n/4]) / math.Cbrt(float64(n))
	bins := 60.0
	if width > 0 {
		bins = math.Ceil((last - first) / width)
	}
	bins = min(max(bins, 15), 60)
	low, high := first, last
	if high-low < 1e-9*max(math.Abs(low), math.Abs(high)) || high == low {
		low, high = widen(low, high, 0)
	}
	for i := range int(bins) + 1 {
		edges = append(edges, low+(high-low)*float64(i)/bins)
	}
	return edges, high, nil
}

// beyond counts the values that are not drawn.
func (g Group) beyond(last float64) (n int) {
	for _, v := range g.Values {
		if v > last {
			n++
		}
	}
	return n
}

// outline returns the steps round the bars.
func (g Group) outline(edges []float64) series {
	bins := len(edges) - 1
	counts := make([]int, bins)
	for _, v := range g.Values {
		if v > edges[bins] {
			continue
		}
		at := int(float64(bins) * (v - edges[0]) / (edges[bins] - edges[0]))
		counts[min(max(at, 0), bins-1)]++
	}
	steps := plotter.XYs{{X: edges[0]}}
	for i, n := range counts {
		share := 100 * float64(n) / float64(len(g.Values))
		steps = append(steps, plotter.XY{X: edges[i], Y: share}, plotter.XY{X: edges[i+1], Y: share})
	}
	steps = append(steps, plotter.XY{X: edges[bins]})
	return series{name: g.Name, plain: true, runs: []plotter.XYs{steps}}
}

// bars fills the area under an outline.
type bars struct {
	outline series
	fill    color.NRGBA
}

func (b *bars) dress(i int) {
	b.fill = palette[i%len(palette)]
	b.fill.A = 70
}

// Plot makes bars a plot.Plotter.
func (b bars) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	var area []vg.Point
	for _, pt := range b.outline.runs[0] {
		area = append(area, vg.Point{X: x(pt.X), Y: y(pt.Y)})
	}
	c.FillPolygon(b.fill, area)
	b.outline.Plot(c, p)
}

// Thumbnail draws the sample in the key.
func (b bars) Thumbnail(c *draw.Canvas) {
	r := c.Rectangle
	c.FillPolygon(b.fill, []vg.Point{r.Min, {X: r.Max.X, Y: r.Min.Y}, r.Max, {X: r.Min.X, Y: r.Max.Y}})
	c.StrokeLine2(b.outline.line, r.Min.X, r.Max.Y, r.Max.X, r.Max.Y)
}
