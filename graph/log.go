package graph

import (
	"fmt"

	"hourglass/kernels"
)

// A Log is memory on a device for scalars of a number of runs, such as the
// losses of training steps. Programs write to it as they run, so that the host
// need not wait for each of them and reads many at once. Several programs may
// write to the same one.
type Log struct {
	dev         kernels.Device
	buffer      kernels.Buffer // [width rows]
	rows, width int
	host        []float32
}

// Logged says what a program writes to a Log.
type Logged struct {
	To *Log
	// Values are outputs of one float32 each: as many as the log is wide.
	Values []*Node
	// Row is an input int32[1]: where in the log a run puts its values.
	Row *Node
}

// NewLog returns a log of the given number of values, for each of so many runs.
func NewLog(dev kernels.Device, rows, width int) (*Log, error) {
	l := &Log{dev: dev, rows: rows, width: width, host: make([]float32, rows*width)}
	var err error
	if l.buffer, err = dev.Alloc(4 * len(l.host)); err != nil {
		return nil, fmt.Errorf("graph: log: %w", err)
	}
	return l, nil
}

// Rows returns for how many runs there is room.
func (l *Log) Rows() int { return l.rows }

// Read waits for all runs so far and reads what they wrote, for At.
func (l *Log) Read() error { return l.dev.Download(bytesOf(l.host), l.buffer) }

// At returns a value that the last Read found in a row.
func (l *Log) At(row, value int) float64 { return float64(l.host[value*l.rows+row]) }

// lower adds the steps that write to the log behind all others.
func (o *Logged) lower(p *Program) error {
	if len(o.Values) != o.To.width {
		return fmt.Errorf("graph: compile: a log of %d values is to take %d", o.To.width, len(o.Values))
	}
	row := p.nodes[o.Row]
	if row.home != isInput || row.operand.DType != kernels.Int32 || row.operand.Shape.Size() != 1 {
		return fmt.Errorf("graph: compile: the row of a log is %v, want an input int32[1]", row.operand)
	}
	for i, n := range o.Values {
		v := p.nodes[n]
		if v.operand.DType != kernels.Float32 || v.operand.Shape.Size() != 1 {
			return fmt.Errorf("graph: compile: %s for a log is %v, want one float32", v.name, v.operand)
		}
		column := p.variable(fmt.Sprintf("log %d", i), o.To.buffer.View(4*i*o.To.rows, 4*o.To.rows), o.To.rows)
		p.add(kernels.Scatter{}, column, column, p.reshaped(v, kernels.Shape{1}), p.reshaped(row, kernels.Shape{1}))
	}
	return nil
}

// reshaped returns v under another shape of as many elements.
func (p *Program) reshaped(v *value, shape kernels.Shape) *value {
	return (&fusion{plan: p.plan}).reshaped(v, shape)
}
