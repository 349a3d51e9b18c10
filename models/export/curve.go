package export

import (
	"bytes"
	"fmt"
	"image/color"
	"io"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
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
}

// Size of the picture; a point is 1/72 inch.
const (
	curveWidth  = 8 * vg.Inch
	curveHeight = 5 * vg.Inch
	curveDPI    = 150
	// manyPoints is where markers on a line begin to touch.
	manyPoints = 40
)

// Colours that people with any colour vision tell apart (Okabe and Ito, "Color Universal Design",
// 2008), and the greys round them.
var (
	okabeItoBlue      = color.NRGBA{0, 114, 178, 255}
	okabeItoVermilion = color.NRGBA{213, 94, 0, 255}
	gridGrey          = color.NRGBA{215, 215, 215, 255}
	textGrey          = color.NRGBA{50, 50, 50, 255}
	keyPanel          = color.NRGBA{255, 255, 255, 230}
)

// WritePNG draws the curve as PNG of 1200×750 pixels. See Curve for what is an error.
func (c Curve) WritePNG(w io.Writer) error {
	p, err := c.plot()
	if err != nil {
		return err
	}
	canvas := vgimg.NewWith(vgimg.UseWH(curveWidth, curveHeight), vgimg.UseDPI(curveDPI))
	render(p, draw.New(canvas))
	return WritePNG(w, canvas.Image())
}

// WriteSVG draws the curve as SVG. Its text stays text, in Liberation Sans or, where that is missing,
// Arial, which has the same widths.
func (c Curve) WriteSVG(w io.Writer) error {
	p, err := c.plot()
	if err != nil {
		return err
	}
	canvas := vgsvg.New(curveWidth, curveHeight)
	render(p, draw.New(canvas))
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return fmt.Errorf("curve: %w", err)
	}
	const family = "font-family:Liberation Sans"
	out := bytes.ReplaceAll(b.Bytes(), []byte(family+";"), []byte(family+",Arial,Helvetica,sans-serif;"))
	if _, err := w.Write(out); err != nil {
		return fmt.Errorf("curve: %w", err)
	}
	return nil
}

// render draws p within a border.
func render(p *plot.Plot, c draw.Canvas) {
	c.SetColor(color.White)
	c.Fill(c.Rectangle.Path())
	const border = 10
	p.Draw(draw.Crop(c, border, -border, border, -border))
}

// series is one line of the plot.
type series struct {
	name  string
	line  draw.LineStyle
	glyph draw.GlyphStyle
	runs  []plotter.XYs // stretches of points that can be drawn: epoch and height
	lost  []float64     // epochs of those that cannot
}

// plot lays the whole picture out.
func (c Curve) plot() (*plot.Plot, error) {
	train, err := c.series("training", c.Train)
	if err != nil {
		return nil, err
	}
	validation, err := c.series("validation", c.Validation)
	if err != nil {
		return nil, err
	}
	if len(c.Train)+len(c.Validation) == 0 {
		return nil, fmt.Errorf("curve: want at least one loss, got none")
	}
	train.line = draw.LineStyle{Color: okabeItoBlue, Width: vg.Points(1.6)}
	train.glyph = draw.GlyphStyle{Color: okabeItoBlue, Radius: vg.Points(2.6), Shape: draw.CircleGlyph{}}
	// The dashes tell the two apart in a grey print as well.
	dashes := []vg.Length{vg.Points(6), vg.Points(2.5)}
	validation.line = draw.LineStyle{Color: okabeItoVermilion, Width: vg.Points(1.6), Dashes: dashes}
	validation.glyph = draw.GlyphStyle{Color: okabeItoVermilion, Radius: vg.Points(3), Shape: draw.PyramidGlyph{}}

	p := plot.New()
	c.axes(p, train, validation)
	lines := plotter.NewGrid()
	lines.Horizontal.Color, lines.Vertical.Color = gridGrey, gridGrey
	p.Add(lines)
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
		k.add(fmt.Sprintf("best validation: %.4g, epoch %d", b.loss, b.epoch), b)
	}
	k.avoid = []series{train, validation}
	p.Add(k)
	return p, nil
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

	p.Title.Text = c.Title
	p.Title.TextStyle.Font = sans(14)
	p.Title.Padding = vg.Points(8)
	p.X.Label.Text = "epoch"
	p.Y.Label.Text = c.Loss
	if c.Loss == "" {
		p.Y.Label.Text = "loss"
	}
	if c.LogY {
		p.Y.Label.Text += " (log scale)"
	}
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Padding = 0
		a.Color, a.Tick.Color = textGrey, textGrey
		a.Label.Padding = vg.Points(4)
		a.Label.TextStyle.Font, a.Label.TextStyle.Color = sans(12), textGrey
		a.Tick.Label.Font, a.Tick.Label.Color = sans(10), textGrey
	}
}

func sans(size vg.Length) font.Font {
	return font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}
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

// best returns a ring round the first of the lowest validation losses.
func (c Curve) best() (ring, bool) {
	r, found := ring{}, false
	for _, pt := range c.Validation {
		if math.Abs(pt.Loss) <= math.MaxFloat32 && (!found || pt.Loss < r.loss) {
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

// key is the legend, in the corner where it hides the least of the series it is to avoid.
type key struct {
	legend plot.Legend
	avoid  []series
}

func (k *key) add(name string, t plot.Thumbnailer) { k.legend.Add(name, t) }

// Plot makes key a plot.Plotter, to be added last.
func (k key) Plot(c draw.Canvas, p *plot.Plot) {
	l := k.legend
	l.Top, l.Left = true, true
	l.ThumbnailWidth = vg.Points(28)
	l.Padding = vg.Points(4)
	l.TextStyle = text.Style{Color: textGrey, Font: sans(10), Handler: plot.DefaultTextHandler}
	const inset, top = 10, 14 // the crosses at the upper edge stay free
	size := l.Rectangle(c).Size()
	size.X, size.Y = size.X+2*inset, size.Y+2*inset
	right, left := c.Max.X-inset-size.X, c.Min.X+inset
	upper, lower := c.Max.Y-top-size.Y, c.Min.Y+inset
	var panel vg.Rectangle
	fewest := math.MaxInt
	for _, corner := range []vg.Point{{X: right, Y: upper}, {X: left, Y: lower}, {X: right, Y: lower}, {X: left, Y: upper}} {
		r := vg.Rectangle{Min: corner, Max: corner.Add(size)}
		if n := k.hidden(r, c, p); n < fewest {
			panel, fewest = r, n
		}
	}
	c.FillPolygon(keyPanel, []vg.Point{panel.Min, {X: panel.Max.X, Y: panel.Min.Y}, panel.Max, {X: panel.Min.X, Y: panel.Max.Y}})
	inner := vg.Rectangle{Min: panel.Min.Add(vg.Point{X: inset, Y: inset}), Max: panel.Max.Sub(vg.Point{X: inset, Y: inset})}
	l.Draw(draw.Canvas{Canvas: c.Canvas, Rectangle: inner})
}

// hidden counts samples along the lines that lie in r.
func (k key) hidden(r vg.Rectangle, c draw.Canvas, p *plot.Plot) (n int) {
	x, y := p.Transforms(&c)
	const samples = 16 // a segment
	for _, s := range k.avoid {
		for _, run := range s.runs {
			for i := range run {
				a := vg.Point{X: x(run[i].X), Y: y(run[i].Y)}
				b := a
				if i+1 < len(run) {
					b = vg.Point{X: x(run[i+1].X), Y: y(run[i+1].Y)}
				}
				for j := range samples {
					at := a.Add(b.Sub(a).Scale(vg.Length(j) / samples))
					if at.X >= r.Min.X && at.X <= r.Max.X && at.Y >= r.Min.Y && at.Y <= r.Max.Y {
						n++
					}
				}
			}
		}
	}
	return n
}
