package plots

import (
	"fmt"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Field is a figure of vectors at places of the plane over the points of a data
// set: where an autoencoder moves its input. The longest arrow is as long as places
// are apart, the others by the square root of their proportion to it, so that the
// short ones near the data still show where they point to.
type Field struct {
	Title, X, Y string
	Arrows      []Arrow
	Points      []Point
}

// Arrow is a vector at a place.
type Arrow struct{ At, By Point }

func (f Field) layout() (sheet, error) {
	if len(f.Arrows) == 0 {
		return sheet{}, fmt.Errorf("field: want at least one arrow, got none")
	}
	r, vectors := newRanges(), newRanges()
	for i, a := range f.Arrows {
		if err := r.take(a.At); err != nil {
			return sheet{}, fmt.Errorf("field: place of arrow %d: %w", i, err)
		}
		if err := vectors.take(a.By); err != nil {
			return sheet{}, fmt.Errorf("field: arrow %d: %w", i, err)
		}
	}
	for i, pt := range f.Points {
		if err := r.take(pt); err != nil {
			return sheet{}, fmt.Errorf("field: point %d: %w", i, err)
		}
	}
	p := plot.New()
	name(p, f.Title, f.X, f.Y)
	p.X.Tick.Marker, p.Y.Tick.Marker = lossTicks{}, lossTicks{}
	r.set(p, 0.04)
	p.Add(grid(), cloud{points: f.Points}, arrows(f.Arrows))
	return sheet{size: square, plots: []*plot.Plot{p}}, nil
}

// arrows draws vectors.
type arrows []Arrow

// Plot makes arrows a plot.Plotter.
func (a arrows) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	on := func(at Point) vg.Point { return vg.Point{X: x(at.X), Y: y(at.Y)} }
	ends := make([]vg.Point, len(a))
	longest := vg.Length(0)
	for i, v := range a {
		ends[i] = on(Point{v.At.X + v.By.X, v.At.Y + v.By.Y}).Sub(on(v.At))
		longest = max(longest, length(ends[i]))
	}
	if longest == 0 {
		return
	}
	size := c.Size()
	apart := vg.Length(math.Sqrt(float64(size.X*size.Y) / float64(len(a))))
	style := draw.LineStyle{Color: okabeItoVermilion, Width: vg.Points(0.9)}
	for i, v := range a {
		if ends[i] == (vg.Point{}) {
			continue
		}
		from, by := on(v.At), ends[i].Scale(0.95*apart/vg.Length(math.Sqrt(float64(longest*length(ends[i])))))
		to := from.Add(by)
		c.StrokeLine2(style, from.X, from.Y, to.X, to.Y)
		// The head is a third of the arrow, but never so large that it hides others.
		head := min(length(by)/3, 4.5)
		if head < 0.4 {
			continue
		}
		along := by.Scale(head / length(by))
		across := vg.Point{X: -along.Y, Y: along.X}.Scale(0.45)
		back := to.Sub(along)
		c.FillPolygon(okabeItoVermilion, []vg.Point{to, back.Add(across), back.Sub(across)})
	}
}

func length(v vg.Point) vg.Length { return vg.Length(math.Hypot(float64(v.X), float64(v.Y))) }
