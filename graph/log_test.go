package graph

import (
	"errors"
	"strings"
	"testing"

	"hourglass/kernels"
)

// TestLog has two programs write to one log, and reads what they wrote.
func TestLog(t *testing.T) {
	for name, dev := range map[string]kernels.Device{"launches": newCPU(t, 1), "recordings": newRecorder(t)} {
		t.Run(name, func(t *testing.T) {
			log, err := NewLog(dev, 5, 2)
			if err != nil || log.Rows() != 5 {
				t.Fatalf("a log of %d rows, %v", log.Rows(), err)
			}
			program := func(factor float64) func(x float32, row int32) {
				b := NewBuilder()
				x, row := b.Input("x", 3), b.InputOf(kernels.Int32, "row", 1)
				sum := b.Apply(kernels.Sum{Axes: kernels.AllAxes(1)}, x)
				scaled := b.Scale(factor, sum)
				p, err := CompileWith(b.Graph(), dev, Options{Log: &Logged{To: log, Row: row, Values: []*Node{sum, scaled}}}, scaled)
				if err != nil {
					t.Fatal(err)
				}
				return func(v float32, at int32) {
					t.Helper()
					if err := errors.Join(p.FeedFloats(x, []float32{v, v, v}), p.FeedInts(row, []int32{at}), p.Run()); err != nil {
						t.Fatal(err)
					}
				}
			}
			doubles, triples := program(2), program(3)
			doubles(1, 4)
			triples(2, 0)
			doubles(3, 1)
			doubles(9, 3)
			doubles(4, 3)  // in the place of another
			triples(8, 5)  // of no row
			triples(8, -1) // of none either
			if got := log.At(4, 0); got != 0 {
				t.Errorf("a log that was not read has %v", got)
			}
			if err := log.Read(); err != nil {
				t.Fatal(err)
			}
			for row, want := range [5][2]float64{{6, 18}, {9, 18}, {0, 0}, {12, 24}, {3, 6}} {
				if got := [2]float64{log.At(row, 0), log.At(row, 1)}; got != want {
					t.Errorf("row %d is %v, want %v", row, got, want)
				}
			}
		})
	}
}

// fullDevice has room for so many more bytes.
type fullDevice struct {
	*recorder
	free int
}

func (d *fullDevice) Alloc(n int) (kernels.Buffer, error) {
	if d.free -= n; d.free < 0 {
		return nil, errors.New("no room")
	}
	return d.recorder.Alloc(n)
}

func TestLogErrors(t *testing.T) {
	dev := newRecorder(t)
	if _, err := NewLog(&fullDevice{dev, 63}, 4, 4); err == nil || err.Error() != "graph: log: no room" {
		t.Errorf("a device without room gives %v", err)
	}
	log, err := NewLog(dev, 4, 1)
	if err != nil {
		t.Fatal(err)
	}
	b := NewBuilder()
	x, row := b.Input("x", 3), b.InputOf(kernels.Int32, "row", 1)
	rows, number := b.InputOf(kernels.Int32, "rows", 2), b.Input("number", 1)
	sum := b.Apply(kernels.Sum{Axes: kernels.AllAxes(1)}, x)
	for want, logged := range map[string]Logged{
		"a log of 1 values is to take 2":                         {Values: []*Node{sum, sum}, Row: row},
		"the row of a log is int32[2], want an input int32[1]":   {Values: []*Node{sum}, Row: rows},
		"the row of a log is float32[1], want an input int32[1]": {Values: []*Node{sum}, Row: number},
		"for a log is float32[3], want one float32":              {Values: []*Node{x}, Row: row},
		"the row of a log is float32[], want an input int32[1]":  {Values: []*Node{sum}, Row: sum},
		"for a log is int32[1], want one float32":                {Values: []*Node{row}, Row: row},
	} {
		logged.To = log
		if _, err := CompileWith(b.Graph(), dev, Options{Log: &logged}, sum); err == nil || !strings.Contains(err.Error(), "graph: compile: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}
