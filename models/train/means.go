package train

import (
	"hourglass/graph"
	"hourglass/kernels"
)

// logRows is for how many batches a log of an evaluation has room.
const logRows = 256

// logOf returns what a program for a goal logs: all its results.
func (r *Runner) logOf(g goal, b *graph.Builder, p *pass) (*graph.Logged, error) {
	if r.logs[g] == nil {
		var err error
		if r.logs[g], err = graph.NewLog(r.dev, logRows, len(p.out)); err != nil {
			return nil, err
		}
	}
	p.row = b.InputOf(kernels.Int32, "log row", 1)
	return &graph.Logged{To: r.logs[g], Row: p.row, Values: p.out}, b.Err()
}

// means sums up what the batches of an evaluation wrote to a log.
type means struct {
	log    *graph.Log
	images []int // of each batch whose values are in the log
	values []Value
}

// add notes that a program has run, and reads the log when it is full.
func (m *means) add(log *graph.Log, p *pass) error {
	if m.values == nil {
		m.log, m.values = log, make([]Value, len(p.names))
		for i, name := range p.names {
			m.values[i].Name = name
		}
	}
	m.images = append(m.images, p.n)
	if len(m.images) < log.Rows() {
		return nil
	}
	return m.read()
}

// read adds what is in the log, each value as often as there were images.
func (m *means) read() error {
	if len(m.images) == 0 {
		return nil
	}
	if err := m.log.Read(); err != nil {
		return err
	}
	for row, n := range m.images {
		for i := range m.values {
			m.values[i].Value += m.log.At(row, i) * float64(n)
		}
	}
	m.images = m.images[:0]
	return nil
}

// finish returns the means over n images.
func (m *means) finish(n int) ([]Value, error) {
	if err := m.read(); err != nil {
		return nil, err
	}
	for i := range m.values {
		m.values[i].Value /= float64(n)
	}
	return m.values, nil
}
