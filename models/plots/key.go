package plots

import (
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

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
