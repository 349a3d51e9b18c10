package main

import (
	"fmt"
	"image/color"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"hourglass/data"
	"hourglass/data/disk"
	"hourglass/models/export"
)

// figureUsage is what help says of a flag that names a figure.
const figureUsage = ": x.png or x.svg"

// checkFigures finds what would fail in the end: flags and the paths they give, ""
// for no figure.
func checkFigures(flags ...string) error {
	for i := 0; i < len(flags); i += 2 {
		if err := checkFile(flags[i], flags[i+1], ".png", ".svg"); err != nil {
			return err
		}
	}
	return nil
}

// checkFile checks the path of a file to write, "" for none, by its ending and its
// folder.
func checkFile(flag, path string, endings ...string) error {
	if path == "" {
		return nil
	}
	known := false
	for _, e := range endings {
		known = known || strings.EqualFold(filepath.Ext(path), e)
	}
	if !known {
		return usagef("--%s %s: want x%s", flag, path, strings.Join(endings, " or x"))
	}
	parent := filepath.Dir(filepath.Clean(path))
	if info, err := os.Stat(parent); err != nil || !info.IsDir() {
		return usagef("--%s %s: there is no folder %s", flag, path, parent)
	}
	return nil
}

// sourceOf is source for other flags than --data, --split and --limit.
func (a *applied) sourceOf(spec, split string, limit int) (data.Source, error) {
	b := *a
	b.Data, b.Split, b.Limit = spec, split, limit
	src, err := b.source()
	a.temporary = b.temporary
	return src, err
}

// writeText writes a file, or standard output for -.
func (a *applied) writeText(path string, write func(io.Writer) error) error {
	if path == "-" {
		return write(a.out)
	}
	return disk.WriteFile(path, write)
}

// row is a line of what a command tells: a name and a value.
type row struct {
	name  string
	value any
}

// writeRows writes lines in two columns, those without a value left out.
func writeRows(w io.Writer, rows ...row) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		switch v := r.value.(type) {
		case nil:
		case *float64:
			if v != nil {
				fmt.Fprintf(t, "%s\t%.4f\n", r.name, *v)
			}
		case float64:
			fmt.Fprintf(t, "%s\t%.6g\n", r.name, v)
		case string:
			if v != "" {
				fmt.Fprintf(t, "%s\t%s\n", r.name, v)
			}
		default:
			fmt.Fprintf(t, "%s\t%v\n", r.name, v)
		}
	}
	return t.Flush()
}

// heatColours are places on a scale from cold to hot that gets brighter all the
// way, so that it reads in grey too.
var heatColours = []color.NRGBA{{0, 0, 4, 255}, {87, 16, 110, 255}, {188, 55, 84, 255}, {249, 142, 9, 255}, {252, 255, 164, 255}}

// heatOf draws values [h w] from 0 to highest as a picture in colour.
func heatOf(values []float32, h, w int, highest float32) export.Image {
	im := export.Image{H: h, W: w, C: 3, Pix: make([]float32, 0, 3*h*w)}
	for _, v := range values {
		at := 0.0
		if highest > 0 {
			at = min(max(float64(v/highest), 0), 1) * float64(len(heatColours)-1)
		}
		i := min(int(at), len(heatColours)-2)
		t := at - math.Floor(at)
		if at >= float64(len(heatColours)-1) {
			t = 1
		}
		a, b := heatColours[i], heatColours[i+1]
		for _, c := range [3][2]uint8{{a.R, b.R}, {a.G, b.G}, {a.B, b.B}} {
			im.Pix = append(im.Pix, float32((float64(c[0])+t*(float64(c[1])-float64(c[0])))/255))
		}
	}
	return im
}
