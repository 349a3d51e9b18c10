package plots

import (
	"fmt"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// CurvePoint is the loss at the end of an epoch.
type CurvePoint struct {
	Epoch int
	Loss  float64
}

// Curve is the history of a training: the losses by epoch, each series in increasing order of epochs.
// Either may be empty, not both. A loss that cannot be drawn (NaN, infinite, or beyond what a float32
// holds) breaks the line and is marked by a cross at the upper edge.
type Curve struct {
	Title      string
	Loss       string // what the y axis shows and its unit, "mean squared error per pixel"; "loss" if empty
	LogY       bool   // logarithmic y axis; every finite loss must then be positive
	Train      []CurvePoint
	Validation []CurvePoint
	Best       int // the epoch whose validation loss has a ring; 0 for that of the lowest
}

// manyPoints is where markers on a line begin to touch.
const manyPoints = 40

// series is one line of the plot.
type series struct {
	name  string
	line  draw.LineStyle
	glyph draw.GlyphStyle
	runs  []plotter.XYs // stretches of points that can be drawn: epoch and height
	lost  []float64     // epochs of those that cannot
	plain bool          // without markers
}

// layout lays the whole picture out.
func (c Curve) layout() (sheet, error) {
	train, err := c.series("training", c.Train)
	if err != nil {
		return sheet{}, err
	}
	validation, err := c.series("validation", c.Validation)
	if err != nil {
		return sheet{}, err
	}
	if len(c.Train)+len(c.Validation) == 0 {
		return sheet{}, fmt.Errorf("curve: want at least one loss, got none")
	}
	train.dress(0)
	validation.dress(1)

	p := plot.New()
	c.axes(p, train, validation)
	p.Add(grid())
	k := key{legend: plot.NewLegend()}
	for _, s := range []series{train, validation} {
		if len(s.runs)+len(s.lost) == 0 {
			continue
		}
		p.Add(s)
		k.add(s.name, s)
		if len(s.lost) > 0 {
			k.add(fmt.Sprintf("%s loss not finite (%d)", s.name, len(s.lost)), cross(s))
		}
	}
	if b, ok := c.best(); ok {
		p.Add(b)
		what := "best validation"
		if c.Best != 0 {
			what = "best weights"
		}
		k.add(fmt.Sprintf("%s: %.4g, epoch %d", what, b.loss, b.epoch), b)
	}
	k.avoid = []series{train, validation}
	p.Add(k)
	return sheet{size: wide, plots: []*plot.Plot{p}}, nil
}

// series splits points into stretches that can be drawn.
func (c Curve) series(name string, points []CurvePoint) (series, error) {
	s := series{name: name}
	whole := false // whether the last stretch goes on
	for i, pt := range points {
		if i > 0 && pt.Epoch <= points[i-1].Epoch {
			return s, fmt.Errorf("curve: %s loss of epoch %d follows epoch %d, want increasing epochs", name, pt.Epoch, points[i-1].Epoch)
		}
		// False for NaN too. A loss is computed in float32: what lies beyond is an overflow.
		if !(math.Abs(pt.Loss) <= math.MaxFloat32) {
			s.lost = append(s.lost, float64(pt.Epoch))
			whole = false
			continue
		}
		if c.LogY && pt.Loss <= 0 {
			return s, fmt.Errorf("curve: %s loss %g of epoch %d has no place on a logarithmic axis: use a linear one", name, pt.Loss, pt.Epoch)
		}
		if !whole {
			s.runs = append(s.runs, nil)
			whole = true
		}
		last := &s.runs[len(s.runs)-1]
		*last = append(*last, plotter.XY{X: float64(pt.Epoch), Y: c.height(pt.Loss)})
	}
	return s, nil
}

// height is where a loss stands on the y axis. Taking the logarithm here and not by plot.LogScale
// keeps gonum's layout from placing the label, and with it the whole axis, by arithmetic means.
func (c Curve) height(loss float64) float64 {
	if c.LogY {
		return math.Log10(loss)
	}
	return loss
}

// axes sets ranges, scales, ticks and texts.
func (c Curve) axes(p *plot.Plot, all ...series) {
	p.X.Min, p.X.Max = math.Inf(1), math.Inf(-1)
	p.Y.Min, p.Y.Max = math.Inf(1), math.Inf(-1)
	for _, s := range all {
		for _, run := range s.runs {
			for _, pt := range run {
				p.X.Min, p.X.Max = min(p.X.Min, pt.X), max(p.X.Max, pt.X)
				p.Y.Min, p.Y.Max = min(p.Y.Min, pt.Y), max(p.Y.Max, pt.Y)
			}
		}
		for _, x := range s.lost {
			p.X.Min, p.X.Max = min(p.X.Min, x), max(p.X.Max, x)
		}
	}
	if p.Y.Min > p.Y.Max { // not one finite loss: any range will do
		p.Y.Min, p.Y.Max = 0, 0
	}
	p.X.Min, p.X.Max = widen(p.X.Min, p.X.Max, 0.02)
	p.X.Tick.Marker = epochTicks{}
	p.Y.Tick.Marker = lossTicks{}
	if c.LogY {
		p.Y.Tick.Marker = logTicks{}
	}
	p.Y.Min, p.Y.Max = widen(p.Y.Min, p.Y.Max, 0.06)

	label := c.Loss
	if label == "" {
		label = "loss"
	}
	if c.LogY {
		label += " (log scale)"
	}
	name(p, c.Title, "epoch", label)
}

// dress gives a series the i-th colour, dashes and marker. Dashes and markers
// tell series apart in a grey print as well.
func (s *series) dress(i int) {
	c := palette[i%len(palette)]
	s.line = draw.LineStyle{Color: c, Width: vg.Points(1.6), Dashes: dashes[i%len(dashes)]}
	s.glyph = draw.GlyphStyle{Color: c, Radius: sizeOfOne[i%len(glyphs)], Shape: glyphs[i%len(glyphs)]}
}

// Plot draws the stretches, and a marker on every point where there is room for them or the point
// stands alone. It makes series a plot.Plotter.
func (s series) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	for _, run := range s.runs {
		pts := make([]vg.Point, len(run))
		for i, pt := range run {
			pts[i] = vg.Point{X: x(pt.X), Y: y(pt.Y)}
		}
		c.StrokeLines(s.line, pts)
		if s.marked() || len(run) == 1 {
			for _, pt := range pts {
				c.DrawGlyphNoClip(s.glyph, pt)
			}
		}
	}
	for _, epoch := range s.lost {
		cross(s).draw(&c, vg.Point{X: x(epoch), Y: c.Max.Y - vg.Points(5)})
	}
}

// Thumbnail draws the sample in the key.
func (s series) Thumbnail(c *draw.Canvas) {
	y := c.Center().Y
	c.StrokeLine2(s.line, c.Min.X, y, c.Max.X, y)
	if s.marked() {
		c.DrawGlyphNoClip(s.glyph, c.Center())
	}
}

// marked tells whether there is room for a marker on every point.
func (s series) marked() bool {
	if s.plain {
		return false
	}
	count := 0
	for _, run := range s.runs {
		count += len(run)
	}
	return count <= manyPoints
}

// cross is the mark of a series' losses that cannot be drawn.
type cross series

func (m cross) draw(c *draw.Canvas, at vg.Point) {
	const r = 3
	sty := m.line
	sty.Dashes = nil
	c.StrokeLine2(sty, at.X-r, at.Y-r, at.X+r, at.Y+r)
	c.StrokeLine2(sty, at.X-r, at.Y+r, at.X+r, at.Y-r)
}

// Thumbnail draws the sample in the key.
func (m cross) Thumbnail(c *draw.Canvas) { m.draw(c, c.Center()) }

// ring marks a validation loss.
type ring struct {
	epoch        int
	loss, height float64
}

// best returns a ring round the validation loss of the best epoch, or else the
// first of the lowest ones.
func (c Curve) best() (ring, bool) {
	r, found := ring{}, false
	for _, pt := range c.Validation {
		if !(math.Abs(pt.Loss) <= math.MaxFloat32) || c.Best != 0 && pt.Epoch != c.Best {
			continue
		}
		if !found || pt.Loss < r.loss {
			r, found = ring{pt.Epoch, pt.Loss, c.height(pt.Loss)}, true
		}
	}
	return r, found
}

func (r ring) glyph() draw.GlyphStyle {
	return draw.GlyphStyle{Color: textGrey, Radius: vg.Points(5.5), Shape: draw.RingGlyph{}}
}

// Plot makes ring a plot.Plotter.
func (r ring) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	c.DrawGlyphNoClip(r.glyph(), vg.Point{X: x(float64(r.epoch)), Y: y(r.height)})
}

// Thumbnail draws the sample in the key.
func (r ring) Thumbnail(c *draw.Canvas) { c.DrawGlyphNoClip(r.glyph(), c.Center()) }
