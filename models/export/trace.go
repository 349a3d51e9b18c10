package export

import (
	"fmt"
	"math"
)

// Sizes of a trace in pixels.
const (
	traceHeight   = 84
	traceMinWidth = 160
	traceMaxWidth = 480
	traceLine     = 1.6 // thickness of a curve
	traceRoom     = 0.06
)

// traceInks are the colours of the channels: those of Okabe and Ito (Color
// Universal Design, 2008) that stand out on white.
var traceInks = [][3]float32{{0, 0.447, 0.698}, {0.835, 0.369, 0}, {0, 0.62, 0.451}, {0.8, 0.475, 0.655}, {0.337, 0.706, 0.914}, {0.902, 0.624, 0}}

// traceShade is the grey of the curves behind.
var traceShade = [3]float32{0.68, 0.68, 0.68}

// Trace draws a series, an image of one row, as curves on white: one for each
// channel, time to the right, 0 near the lower edge and 1 near the upper. A
// single step of several channels, a row of a table, is drawn along those.
// Behind it, in grey, may lie other series of the same size, such as the original
// of a reconstruction. A value that is not finite leaves a gap, and one outside
// of 0 to 1 by much the edge.
func Trace(series Image, behind ...Image) (Image, error) {
	for _, im := range append([]Image{series}, behind...) {
		if im.H != 1 || im.W < 1 || im.C < 1 || im.W != series.W || im.C != series.C || len(im.Pix) != im.W*im.C {
			return Image{}, fmt.Errorf("trace: image of %d×%d×%d with %d values among those of 1×%d×%d, want series of one size", im.H, im.W, im.C, len(im.Pix), series.W, series.C)
		}
	}
	steps := series.W
	if steps == 1 {
		steps = series.C
	}
	c := canvas{w: min(max(steps, traceMinWidth), traceMaxWidth), h: traceHeight}
	c.pix = make([]float32, 3*c.w*c.h)
	for i := range c.pix {
		c.pix[i] = 1
	}
	for _, im := range behind {
		c.curves(im, func(int) [3]float32 { return traceShade })
	}
	c.curves(series, func(channel int) [3]float32 { return traceInks[channel%len(traceInks)] })
	return Image{H: c.h, W: c.w, C: 3, Pix: c.pix}, nil
}

// canvas is a picture of H×W×3 that curves are drawn on.
type canvas struct {
	w, h int
	pix  []float32
}

// curves draws each channel of a series.
func (c *canvas) curves(im Image, ink func(channel int) [3]float32) {
	if im.W == 1 {
		im.W, im.C = im.C, 1
	}
	cover := make([]float32, c.w*c.h)
	for channel := range im.C {
		clear(cover)
		at := func(t int) (x, y float64) {
			v := float64(im.Pix[t*im.C+channel])
			v = min(max(v, -traceRoom), 1+traceRoom)
			x = float64(c.w) / 2
			if im.W > 1 {
				x = 2 + float64(t)*float64(c.w-5)/float64(im.W-1)
			}
			return x, (1 + traceRoom - v) / (1 + 2*traceRoom) * float64(c.h-1)
		}
		for t := range max(1, im.W-1) {
			x0, y0 := at(t)
			x1, y1 := at(min(t+1, im.W-1))
			if !math.IsNaN(y0) && !math.IsNaN(y1) {
				c.segment(cover, x0, y0, x1, y1)
			}
		}
		c.blend(cover, ink(channel))
	}
}

// segment adds a line's coverage of pixels: full up to half its thickness, then
// falling to nothing within a pixel.
func (c *canvas) segment(cover []float32, x0, y0, x1, y1 float64) {
	const reach = traceLine/2 + 0.5
	dx, dy := x1-x0, y1-y0
	length := dx*dx + dy*dy
	for y := max(0, int(min(y0, y1)-reach)); y <= min(c.h-1, int(max(y0, y1)+reach+1)); y++ {
		for x := max(0, int(min(x0, x1)-reach)); x <= min(c.w-1, int(max(x0, x1)+reach+1)); x++ {
			px, py := float64(x)-x0, float64(y)-y0
			along := 0.0
			if length > 0 {
				along = min(max((px*dx+py*dy)/length, 0), 1)
			}
			v := float32(min(max(reach-math.Hypot(px-along*dx, py-along*dy), 0), 1))
			cover[y*c.w+x] = max(cover[y*c.w+x], v)
		}
	}
}

// blend paints where there is coverage.
func (c *canvas) blend(cover []float32, ink [3]float32) {
	for i, v := range cover {
		for k := range 3 {
			c.pix[3*i+k] += v * (ink[k] - c.pix[3*i+k])
		}
	}
}
