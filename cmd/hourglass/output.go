package main

import (
	"archive/zip"
	"bufio"
	"bytes"
	"fmt"
	"image"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"hourglass/data"
	"hourglass/data/disk"
	"hourglass/kernels"
	"hourglass/models/export"
)

// form is how results are written.
type form int

const (
	asArray  form = iota // .npy
	asArrays             // .npz
	asTable              // .csv
	asPNG                // one picture of all
	asGIF                // a film
	asFolder             // one PNG each
	asWAV                // sound
	asStream             // an NPY on standard output
)

// forms tells which ending asks for a form, and how help and errors name it.
var forms = []struct{ ending, name string }{
	asArray: {".npy", "x.npy"}, asArrays: {".npz", "x.npz"}, asTable: {".csv", "x.csv"}, asPNG: {".png", "x.png"}, asGIF: {".gif", "x.gif"},
	asFolder: {"", "a new folder"}, asWAV: {".wav", "x.wav"}, asStream: {"-", "- for an NPY on standard output"},
}

// outUsage is what help says of --out of a command that writes the given forms.
func outUsage(takes ...form) string {
	return "where to: " + wantedForms(takes)
}

// wantedForms lists forms as in "x.npy, x.png or a new folder".
func wantedForms(takes []form) string {
	var names []string
	for _, f := range takes {
		names = append(names, forms[f].name)
	}
	if len(names) == 1 {
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

// output is where a command writes.
type output struct {
	path string
	form form
	w    io.Writer // standard output
}

// output reads the flag --out of a command that writes the given forms. It is an
// error where a folder of that name has something in it, or where a file's folder
// is not there.
func (a *applied) output(w io.Writer, path string, takes ...form) (output, error) {
	want := wantedForms(takes)
	if path == "" {
		return output{}, usagef("--out is missing: want %s", want)
	}
	ending := filepath.Ext(path)
	if path == "-" {
		ending = "-"
	}
	for _, f := range takes {
		if strings.EqualFold(forms[f].ending, ending) {
			o := output{path, f, w}
			return o, o.check(a.JSON)
		}
	}
	return output{}, usagef("--out %s: want %s", path, want)
}

// What is asked for at most: more would take the memory of a machine.
const (
	mostDrawn   = 10_000 // images in a picture or a film
	mostSide    = 200    // of a square of them
	mostSteps   = 1000   // from one code to another
	mostSamples = 1_000_000_000
)

// checkDrawn returns a usage error for more images than a picture or a film
// shows; other forms hold any number.
func (o output) checkDrawn(n int) error {
	if (o.form == asPNG || o.form == asGIF) && n > mostDrawn {
		return usagef("--out %s: %d images are too many for a picture, want at most %d; x.npy holds more", o.path, n, mostDrawn)
	}
	return nil
}

// numbers reports whether numbers are written, not pictures.
func (o output) numbers() bool {
	return o.form == asArray || o.form == asArrays || o.form == asTable || o.form == asStream
}

// check finds what would fail in the end.
func (o output) check(asJSON bool) error {
	switch o.form {
	case asStream:
		if asJSON {
			return usagef("--out - and --json: both want standard output; leave one out")
		}
		if isTerminal(o.w) {
			return usagef("--out -: standard output is a terminal, which shows no arrays: pipe it on, or give --out x.npy")
		}
		return nil
	case asFolder:
		if err := checkEmpty(o.path); err != nil {
			return err
		}
	}
	parent := filepath.Dir(filepath.Clean(o.path))
	if info, err := os.Stat(parent); err != nil || !info.IsDir() {
		return usagef("--out %s: there is no folder %s", o.path, parent)
	}
	return nil
}

func checkEmpty(path string) error {
	entries, err := os.ReadDir(path)
	switch {
	case os.IsNotExist(err):
		return nil
	case err != nil:
		return usagef("--out: %w", err)
	case len(entries) > 0:
		return usagef("--out %s: the folder is not empty; choose another name", path)
	}
	return nil
}

// emit is a task that hands its results over, a few at a time.
type emit func(add func(values []float32) error) error

// array is what a file holds: n samples of a shape.
type array struct {
	name    string // of the array in a .npz
	n       int
	shape   kernels.Shape
	columns string  // what a table calls the columns, before their number
	labels  []uint8 // of the samples, or nil
	// low and high are what 0 and 1 stand for in numbers that are written, by
	// channel; nil where they stand for themselves.
	low, high []float32
	sound     data.Sound // of windows of sound
}

// inUnits makes a task hand its numbers over in the unit of the data.
func (a array) inUnits(produce emit) emit {
	if a.low == nil {
		return produce
	}
	return func(add func([]float32) error) error {
		return produce(func(values []float32) error {
			for i, v := range values {
				c := i % len(a.low)
				values[i] = a.low[c] + v*(a.high[c]-a.low[c])
			}
			return add(values)
		})
	}
}

// write writes an array of samples in the form that was asked for. A picture
// shows all of them, so there should be few.
func (o output) write(a array, produce emit) error {
	if o.numbers() {
		produce = a.inUnits(produce)
	}
	switch o.form {
	case asStream:
		w := bufio.NewWriterSize(o.w, 1<<16)
		if err := a.writeNPY(w, produce); err != nil {
			return err
		}
		return w.Flush()
	case asArray:
		return disk.WriteFile(o.path, func(w io.Writer) error { return a.writeNPY(w, produce) })
	case asArrays:
		return disk.WriteFile(o.path, func(w io.Writer) error { return a.writeNPZ(w, produce) })
	case asTable:
		return disk.WriteFile(o.path, func(w io.Writer) error { return a.writeCSV(w, produce) })
	case asFolder:
		return o.writeFolder(a, produce)
	case asWAV:
		return disk.WriteFile(o.path, func(w io.Writer) error { return a.writeWAV(w, produce) })
	}
	if err := o.checkDrawn(a.n); err != nil {
		return err
	}
	pictures, err := a.pictures(produce)
	if err != nil {
		return err
	}
	im, err := export.Tile(pictures, columnsOf(len(pictures)), export.GridOptions{})
	if err != nil {
		return err
	}
	return writePNG(o.path, im)
}

// pictures draws all samples.
func (a array) pictures(produce emit) ([]export.Image, error) {
	var all []export.Image
	err := produce(func(values []float32) error {
		all = append(all, picturesOf(slices.Clone(values), a.shape)...)
		return nil
	})
	return all, err
}

func (a array) writeNPY(w io.Writer, produce emit) error {
	n, err := export.NewNPY(w, append([]int{a.n}, a.shape...)...)
	if err != nil {
		return err
	}
	if err := produce(n.Write); err != nil {
		return err
	}
	return n.Close()
}

// writeWAV writes windows as one sound.
func (a array) writeWAV(w io.Writer, produce emit) error {
	f, err := export.NewWAV(w, a.sound.Rate, a.n, a.shape[1], a.sound.Stride)
	if err != nil {
		return err
	}
	err = produce(func(values []float32) error {
		for i, v := range values { // 0 and 1 stand for -1 and 1
			values[i] = 2*v - 1
		}
		return f.Write(values)
	})
	if err != nil {
		return err
	}
	return f.Close()
}

// writeNPZ writes the array and, where there are some, the labels as an array
// of that name.
func (a array) writeNPZ(w io.Writer, produce emit) error {
	z := zip.NewWriter(w)
	entry, err := z.CreateHeader(&zip.FileHeader{Name: a.name + ".npy", Method: zip.Store})
	if err != nil {
		return err
	}
	if err := a.writeNPY(entry, produce); err != nil {
		return err
	}
	if a.labels != nil {
		if entry, err = z.CreateHeader(&zip.FileHeader{Name: "labels.npy", Method: zip.Store}); err != nil {
			return err
		}
		if err := export.WriteBytesNPY(entry, a.labels); err != nil {
			return err
		}
	}
	return z.Close()
}

// writeCSV writes a line for each sample below one of names: the columns' with
// their numbers, and label where there are labels.
func (a array) writeCSV(w io.Writer, produce emit) error {
	var line []byte
	for i := range a.shape.Size() {
		line = append(line, a.columns...)
		line = append(strconv.AppendInt(line, int64(i), 10), ',')
	}
	end := func() error {
		line[len(line)-1] = '\n'
		_, err := w.Write(line)
		line = line[:0]
		return err
	}
	if a.labels != nil {
		line = append(line, "label,"...)
	}
	if err := end(); err != nil {
		return err
	}
	sample := 0
	return produce(func(values []float32) error {
		for size := a.shape.Size(); len(values) > 0; values = values[size:] {
			for _, v := range values[:size] {
				line = append(strconv.AppendFloat(line, float64(v), 'g', -1, 32), ',')
			}
			if a.labels != nil {
				line = append(strconv.AppendUint(line, uint64(a.labels[sample]), 10), ',')
			}
			sample++
			if err := end(); err != nil {
				return err
			}
		}
		return nil
	})
}

// writeFolder writes a PNG for each sample to a new folder, or nothing at all.
// The folder takes its name once it is complete. Its files are not forced to
// the disk one by one: that takes minutes, and they can be made again.
func (o output) writeFolder(a array, produce emit) error {
	path := filepath.Clean(o.path)
	staging, err := os.MkdirTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(staging) // nothing is left of it after the rename
	digits, i := len(fmt.Sprint(a.n-1)), 0
	var encoded bytes.Buffer
	err = produce(func(values []float32) error {
		for _, p := range picturesOf(values, a.shape) {
			im, err := export.Plain(p)
			if err != nil {
				return err
			}
			encoded.Reset()
			if err := export.WritePNG(&encoded, im); err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(staging, fmt.Sprintf("%0*d.png", digits, i)), encoded.Bytes(), 0o666); err != nil {
				return err
			}
			i++
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := os.Chmod(staging, 0o755); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) { // an empty folder may be there
		return err
	}
	return os.Rename(staging, path)
}

// picturesOf cuts samples [n H W C] apart, and draws those of one row, series and
// rows of tables, as curves.
func picturesOf(values []float32, shape kernels.Shape) []export.Image {
	var all []export.Image
	for size := shape.Size(); len(values) >= size; values = values[size:] {
		im := export.Image{H: shape[0], W: shape[1], C: shape[2], Pix: values[:size]}
		if isSeries(shape) {
			all = append(all, traceOf(im))
			continue
		}
		all = append(all, im)
	}
	return all
}

// isSeries reports whether samples are of one row.
func isSeries(shape kernels.Shape) bool { return shape[0] == 1 }

// traceOf draws a series of which the size is known to be right.
func traceOf(im export.Image, behind ...export.Image) export.Image {
	curves, err := export.Trace(im, behind...)
	if err != nil {
		panic(err)
	}
	return curves
}

// writeGrid writes a picture of rows.
func writeGrid(path string, rows []export.Row) error {
	var im image.Image
	im, err := export.Grid(rows, export.GridOptions{})
	if err != nil {
		return err
	}
	return writePNG(path, im)
}

// columnsOf makes n pictures a square, or nearly so.
func columnsOf(n int) int { return max(1, int(math.Ceil(math.Sqrt(float64(n))))) }

// sortedKeys returns the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
