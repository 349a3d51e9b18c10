package graph

import (
	"fmt"

	"gorgonia.org/gorgonia"

	"hourglass/kernels"
)

// A MemoryError refuses a program that does not fit into its device's memory.
type MemoryError struct {
	Device     string
	Need, Free int64 // bytes
}

// Error names both figures.
func (e *MemoryError) Error() string {
	return fmt.Sprintf("graph: compile: the program needs %s of memory, %s has %s left", gibibytes(e.Need), e.Device, gibibytes(e.Free))
}

func gibibytes(n int64) string {
	if n < 1<<30 {
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.2f GiB", float64(n)/(1<<30))
}

// Footprint returns how many bytes of the device CompileWith takes for a
// program, which are those that it has beside the variables: results, scratch
// memory, inputs and constants.
func Footprint(g *gorgonia.ExprGraph, dev kernels.Device, o Options, outs ...*Node) (int64, error) {
	p, err := compile(g, dev, o, outs)
	if err != nil {
		return 0, err
	}
	return p.footprint(), nil
}

// page is by how much devices round up each piece of memory.
const page = 512

func (p *Program) footprint() int64 {
	pages := func(n int) int64 { return int64((n + page - 1) / page * page) }
	n := pages(p.arena)
	for _, v := range p.plan.values {
		switch v.home {
		case isInput:
			n += pages(v.operand.Bytes())
		case isConstant:
			n += pages(len(v.data))
		}
	}
	return n
}

// fits returns a MemoryError unless the device has room for the program. A
// device that is not Bounded says so when it allocates.
func (p *Program) fits() error {
	dev, ok := p.dev.(kernels.Bounded)
	if !ok {
		return nil
	}
	free, err := dev.Free()
	if err != nil {
		return fmt.Errorf("graph: compile: %w", err)
	}
	if need := p.footprint(); need > free {
		return &MemoryError{dev.Name(), need, free}
	}
	return nil
}
