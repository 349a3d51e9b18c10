package plots

import (
	"fmt"
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Map is a figure of points in the plane, coloured by class, or of several such
// maps of the same samples side by side: codes beside principal components. The
// classes share one key at the right.
type Map struct {
	Panels []Panel
	Labels []uint8 // the class of each sample, or nil
	// Classes holds names of the classes; one without a name is its number.
	Classes []string
}

// Panel is one map.
type Panel struct {
	Title, X, Y string
	Points      []Point // one for each sample
}

// mostNamed is how many classes the key has room for.
const mostNamed = 26

func (m Map) layout() (sheet, error) {
	if len(m.Panels) == 0 {
		return sheet{}, fmt.Errorf("map: want at least one panel, got none")
	}
	s := sheet{size: vg.Point{X: vg.Length(len(m.Panels)) * 5 * vg.Inch, Y: 5.2 * vg.Inch}}
	classes := m.classes()
	for _, panel := range m.Panels {
		if m.Labels != nil && len(m.Labels) != len(panel.Points) {
			return sheet{}, fmt.Errorf("map %s: %d labels, want one for each of %d points", panel.Title, len(m.Labels), len(panel.Points))
		}
		p := plot.New()
		name(p, panel.Title, panel.X, panel.Y)
		p.X.Tick.Marker, p.Y.Tick.Marker = lossTicks{}, lossTicks{}
		r := newRanges()
		for i, pt := range panel.Points {
			if err := r.take(pt); err != nil {
				return sheet{}, fmt.Errorf("map %s: point %d: %w", panel.Title, i, err)
			}
		}
		if len(panel.Points) == 0 {
			return sheet{}, fmt.Errorf("map %s: want at least one point, got none", panel.Title)
		}
		r.set(p, 0.03)
		p.Add(grid(), cloud{panel.Points, m.Labels, classes})
		s.plots = append(s.plots, p)
	}
	if named := m.named(classes); named != nil {
		s.size.X += named.width()
		s.beside = named
	}
	return s, nil
}

// classes returns the glyph of each class that there is, by its number.
func (m Map) classes() map[uint8]draw.GlyphStyle {
	styles := map[uint8]draw.GlyphStyle{}
	for _, l := range m.Labels {
		styles[l] = draw.GlyphStyle{}
	}
	for l := range styles {
		c := classColours[int(l)%len(classColours)]
		c.A = 200 // where points crowd, more of them still show
		shape := int(l) / len(classColours) % len(glyphs)
		styles[l] = draw.GlyphStyle{Color: c, Radius: 0.62 * sizeOfOne[shape], Shape: glyphs[shape]}
	}
	return styles
}

// named returns the key, nil where there is nothing to name.
func (m Map) named(classes map[uint8]draw.GlyphStyle) *classKey {
	if len(classes) == 0 || len(classes) > mostNamed {
		return nil
	}
	k := &classKey{}
	for l := range 256 {
		style, ok := classes[uint8(l)]
		if !ok {
			continue
		}
		class := fmt.Sprint(l)
		if l < len(m.Classes) && m.Classes[l] != "" {
			class = m.Classes[l]
		}
		style.Radius *= 1.7
		opaque := style.Color.(color.NRGBA)
		opaque.A = 255
		style.Color = opaque
		k.names, k.styles = append(k.names, class), append(k.styles, style)
	}
	return k
}

// cloud draws points, those of different classes mixed as they come.
type cloud struct {
	points []Point
	labels []uint8
	styles map[uint8]draw.GlyphStyle
}

// Plot makes cloud a plot.Plotter.
func (m cloud) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	style := draw.GlyphStyle{Color: okabeItoBlue, Radius: 1.6, Shape: draw.CircleGlyph{}}
	for i, pt := range m.points {
		if m.labels != nil {
			style = m.styles[m.labels[i]]
		}
		c.DrawGlyphNoClip(style, vg.Point{X: x(pt.X), Y: y(pt.Y)})
	}
}

// classKey is the key at the right of all plots.
type classKey struct {
	names  []string
	styles []draw.GlyphStyle
}

const keyLine = vg.Length(15)

func keyStyle() text.Style {
	return text.Style{Color: textGrey, Font: sans(10), YAlign: draw.YCenter, Handler: plot.DefaultTextHandler}
}

func (k *classKey) width() vg.Length {
	widest := vg.Length(0)
	for _, n := range k.names {
		widest = max(widest, keyStyle().Width(n))
	}
	return widest + 34
}

// draw writes the key into the right end of c.
func (k *classKey) draw(c draw.Canvas) {
	y := c.Center().Y + keyLine*vg.Length(len(k.names)-1)/2
	x := c.Max.X - k.width() + 14
	for i, n := range k.names {
		c.DrawGlyphNoClip(k.styles[i], vg.Point{X: x, Y: y})
		c.FillText(keyStyle(), vg.Point{X: x + 10, Y: y}, n)
		y -= keyLine
	}
}
