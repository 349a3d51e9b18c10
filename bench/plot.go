package bench

import (
	"fmt"
	"image/color"
	"io"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// The picture's sizes; a point is 1/72 inch.
const (
	plotWidth = 8 * vg.Inch
	barHeight = 22 // points a bar takes
	plotFrame = 90 // points for title and axis
	plotDPI   = 150
)

// blue is one of the colours that people with any colour vision tell apart
// (Okabe and Ito, Color Universal Design, 2008).
var (
	blue = color.NRGBA{0, 114, 178, 255}
	grey = color.NRGBA{215, 215, 215, 255}
)

// WritePNG draws how many times faster Hourglass is than each framework's best
// mode, one bar for each workload and framework, on a logarithmic axis.
func (r *Report) WritePNG(w io.Writer) error {
	var logs plotter.Values
	var names, labels []string
	r.pairs(func(workload, peer string) {
		if ratio, _, ok := r.Hardest(workload, peer, OfMedians); ok {
			logs = append(logs, math.Log10(ratio))
			names = append(names, workload+" · "+peer)
			labels = append(labels, " "+figure(ratio)+"×")
		}
	})
	if len(logs) == 0 {
		return fmt.Errorf("bench: plot: no comparison has figures")
	}
	p := plot.New()
	p.Title.Text = fmt.Sprintf("Times faster than each framework's best mode\n%s, %d threads, %s", r.Machine.CPU, r.Threads, r.Date)
	p.X.Label.Text = "median ratio of step times (1 = as fast)"
	if err := addBars(p, logs, names, labels); err != nil {
		return fmt.Errorf("bench: plot: %w", err)
	}
	height := vg.Points(float64(plotFrame + barHeight*len(logs)))
	canvas := vgimg.NewWith(vgimg.UseWH(plotWidth, height), vgimg.UseDPI(plotDPI))
	p.Draw(draw.Crop(draw.New(canvas), 8, -16, 6, -8))
	png := vgimg.PngCanvas{Canvas: canvas}
	if _, err := png.WriteTo(w); err != nil {
		return fmt.Errorf("bench: plot: %w", err)
	}
	return nil
}

// addBars draws the first bar on top.
func addBars(p *plot.Plot, logs plotter.Values, names, labels []string) error {
	n := len(logs)
	reversed, below := make(plotter.Values, n), make([]string, n)
	points := make(plotter.XYs, n)
	text := make([]string, n)
	low, high := 0.0, 0.0
	for i, v := range logs {
		j := n - 1 - i
		reversed[j], below[j], text[j] = v, names[i], labels[i]
		points[j] = plotter.XY{X: max(v, 0), Y: float64(j)} // right of the bar, or of 1×
		low, high = min(low, v), max(high, v)
	}
	bars, err := plotter.NewBarChart(reversed, vg.Points(barHeight*0.6))
	if err != nil {
		return err
	}
	bars.Horizontal, bars.Color = true, blue
	bars.LineStyle.Width = 0
	values, err := plotter.NewLabels(plotter.XYLabels{XYs: points, Labels: text})
	if err != nil {
		return err
	}
	for i := range values.TextStyle {
		values.TextStyle[i].YAlign = draw.YCenter
	}
	grid := plotter.NewGrid()
	grid.Horizontal.Width = 0
	grid.Vertical.Color = grey
	p.Add(grid, bars, values)
	p.NominalY(below...)
	p.Y.Tick.Label.Font.Size = vg.Points(10)
	room := 0.12 * (high - low) // for the numbers beside the bars
	p.X.Min, p.X.Max = low, max(high+room, low+0.35)
	p.Y.Min, p.Y.Max = -0.6, float64(n)-0.4
	p.X.Tick.Marker = decades{}
	return nil
}

// decades marks 1, 2 and 5 times the powers of ten on an axis of logarithms.
type decades struct{}

// Ticks returns the marks from low to high.
func (decades) Ticks(low, high float64) []plot.Tick {
	var ticks []plot.Tick
	for e := math.Floor(low); e <= high; e++ {
		for _, m := range []float64{1, 2, 5} {
			v := m * math.Pow(10, e)
			if at := math.Log10(v); at >= low-1e-9 && at <= high+1e-9 {
				ticks = append(ticks, plot.Tick{Value: at, Label: fmt.Sprintf("%g×", v)})
			}
		}
	}
	return ticks
}
