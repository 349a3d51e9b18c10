// Package plots draws figures of results as PNG and SVG: loss curves, maps of
// codes, rate against distortion, receiver operating characteristics, histograms
// of scores with their threshold, vector fields. Each is a plain struct of numbers
// and texts, drawn by WritePNG, WriteSVG or WriteFile. Equal figures give equal
// bytes.
package plots

import (
	"bytes"
	"fmt"
	"image/color"
	"io"
	"path/filepath"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"hourglass/data/disk"
	"hourglass/models/export"
)

// A Figure is anything of this package that can be drawn: Curve, Lines, Map,
// Histogram or Field.
type Figure interface {
	layout() (sheet, error)
}

// sheet is a figure as it is drawn: plots from left to right.
type sheet struct {
	size   vg.Point
	plots  []*plot.Plot
	beside *classKey // at the right, or nil
}

// Sizes of pictures; a point is 1/72 inch.
var (
	wide   = vg.Point{X: 8 * vg.Inch, Y: 5 * vg.Inch}
	square = vg.Point{X: 6 * vg.Inch, Y: 6 * vg.Inch}
)

const dotsPerInch = 150

// Colours that people with any colour vision tell apart (Okabe and Ito, "Color Universal Design",
// 2008), the yellow darker, as lines of that are pale on white, and the greys round them.
var (
	okabeItoBlue      = color.NRGBA{0, 114, 178, 255}
	okabeItoVermilion = color.NRGBA{213, 94, 0, 255}
	palette           = []color.NRGBA{
		okabeItoBlue, okabeItoVermilion,
		{0, 158, 115, 255},   // bluish green
		{230, 159, 0, 255},   // orange
		{86, 180, 233, 255},  // sky blue
		{204, 121, 167, 255}, // reddish purple
		{0, 0, 0, 255},
	}
	// Points may be of more classes than there are lines in a plot.
	classColours = append(palette[:len(palette):len(palette)], color.NRGBA{150, 150, 150, 255}, color.NRGBA{201, 184, 0, 255})
	gridGrey     = color.NRGBA{215, 215, 215, 255}
	markGrey     = color.NRGBA{120, 120, 120, 255}
	textGrey     = color.NRGBA{50, 50, 50, 255}
	keyPanel     = color.NRGBA{255, 255, 255, 230}
	dashes       = [][]vg.Length{nil, {6, 2.5}, {1.5, 2.5}, {8, 2.5, 1.5, 2.5}}
	glyphs       = []draw.GlyphDrawer{draw.CircleGlyph{}, draw.PyramidGlyph{}, draw.BoxGlyph{}, draw.CrossGlyph{}}
	sizeOfOne    = []vg.Length{2.6, 3, 2.4, 2.6} // of the glyphs, to look alike
)

// WritePNG draws a figure as PNG with 150 pixels an inch: 1200×750 of a Curve.
func WritePNG(w io.Writer, f Figure) error {
	s, err := f.layout()
	if err != nil {
		return fmt.Errorf("plots: %w", err)
	}
	canvas := vgimg.NewWith(vgimg.UseWH(s.size.X, s.size.Y), vgimg.UseDPI(dotsPerInch))
	s.render(draw.New(canvas))
	return export.WritePNG(w, canvas.Image())
}

// WriteSVG draws a figure as SVG. Its text stays text, in Liberation Sans or, where that is missing,
// Arial, which has the same widths.
func WriteSVG(w io.Writer, f Figure) error {
	s, err := f.layout()
	if err != nil {
		return fmt.Errorf("plots: %w", err)
	}
	canvas := vgsvg.New(s.size.X, s.size.Y)
	s.render(draw.New(canvas))
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return fmt.Errorf("plots: %w", err)
	}
	const family = "font-family:Liberation Sans"
	out := bytes.ReplaceAll(b.Bytes(), []byte(family+";"), []byte(family+",Arial,Helvetica,sans-serif;"))
	if _, err := w.Write(out); err != nil {
		return fmt.Errorf("plots: %w", err)
	}
	return nil
}

// WriteFile draws a figure to a file whose name ends in .png or .svg. The file is
// written whole or not at all.
func WriteFile(path string, f Figure) error {
	write := WritePNG
	switch ending := strings.ToLower(filepath.Ext(path)); ending {
	case ".png":
	case ".svg":
		write = WriteSVG
	default:
		return fmt.Errorf("plots: %s: want a name that ends in .png or .svg", path)
	}
	return disk.WriteFile(path, func(w io.Writer) error { return write(w, f) })
}

// render draws the plots within a border, their frames in line.
func (s sheet) render(c draw.Canvas) {
	c.SetColor(color.White)
	c.Fill(c.Rectangle.Path())
	const border = 10
	inner := draw.Crop(c, border, -border, border, -border)
	if s.beside != nil {
		s.beside.draw(inner)
		inner = draw.Crop(inner, 0, -s.beside.width(), 0, 0)
	}
	tiles := draw.Tiles{Rows: 1, Cols: len(s.plots), PadX: vg.Points(14)}
	for i, at := range plot.Align([][]*plot.Plot{s.plots}, tiles, inner)[0] {
		title := &s.plots[i].Title
		title.Text = shortened(title.Text, at.Max.X-at.Min.X, title.TextStyle.Width)
		s.plots[i].Draw(at)
	}
}

// shortened takes as much out of the middle of a text as it is too wide: names of
// data sets are long, and begin and end with what tells them apart.
func shortened(text string, room vg.Length, width func(string) vg.Length) string {
	runes := []rune(text)
	for n := len(runes) - 1; n > 1 && width(text) > room; n-- {
		text = string(runes[:(n+1)/2]) + "…" + string(runes[len(runes)-n/2:])
	}
	return text
}

// name sets the texts of a plot and dresses its axes.
func name(p *plot.Plot, title, x, y string) {
	p.Title.Text = title
	p.Title.TextStyle.Font = sans(14)
	p.Title.Padding = vg.Points(8)
	p.X.Label.Text, p.Y.Label.Text = x, y
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Padding = 0
		a.Color, a.Tick.Color = textGrey, textGrey
		a.Label.Padding = vg.Points(4)
		a.Label.TextStyle.Font, a.Label.TextStyle.Color = sans(12), textGrey
		a.Tick.Label.Font, a.Tick.Label.Color = sans(10), textGrey
	}
}

// grid returns the lines behind the data.
func grid() *plotter.Grid {
	lines := plotter.NewGrid()
	lines.Horizontal.Color, lines.Vertical.Color = gridGrey, gridGrey
	return lines
}

func sans(size vg.Length) font.Font {
	return font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}
}
