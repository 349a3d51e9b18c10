package graph

import (
	"time"

	"hourglass/kernels"
)

// bind gives the segment its memory: a part of its own for each thread, the
// accumulators in work, and the plan's values, which are bound already.
func (g *segment) bind(work kernels.Buffer) error {
	threads := g.dev.Threads()
	g.ready = make([]bool, threads)
	most := 0
	for _, b := range g.sums {
		most = max(most, aligned(b.operand.Bytes()))
	}
	own := make([]kernels.Buffer, threads)
	for t := range own {
		var err error
		if own[t], err = g.dev.Alloc(g.thread + most); err != nil {
			return err
		}
	}
	for _, m := range g.order {
		m.bind(g, own)
	}
	for _, s := range g.steps {
		s.args = make([]launchArgs, threads)
		for t := range s.args {
			s.args[t].in = make([]kernels.Buffer, len(s.in))
			s.args[t].work = own[t].View(s.offset, s.launch.Workspace)
		}
	}
	for _, b := range g.sums {
		b.bind(g, own, work)
	}
	g.work = g.group
	return nil
}

func (m *innerMemory) bind(g *segment, own []kernels.Buffer) {
	m.table = nil
	switch bytes := m.operand.Bytes(); m.place {
	case whole:
		m.table = []kernels.Buffer{m.outer.buffer}
	case bySample:
		for i := range g.n / g.size {
			m.table = append(m.table, m.outer.buffer.View(i*bytes, bytes))
		}
	case byThread:
		for _, b := range own {
			m.table = append(m.table, b.View(m.offset, bytes))
		}
	}
}

// run computes the segment's results.
func (g *segment) run() {
	clear(g.ready)
	g.dev.Parallel(g.groups, g.work)
	for _, b := range g.sums {
		b.total()
	}
}

// group takes the samples of one accumulator through all steps, a few at a
// time.
func (g *segment) group(group, thread int) {
	if !g.ready[thread] {
		g.ready[thread] = true
		for _, s := range g.steps {
			a := s.bindArgs(0, thread)
			s.launch.Setup(thread, a.out, a.in, a.work)
		}
	}
	parts := g.n / g.size
	first := parts * group / g.groups
	for part := first; part < parts*(group+1)/g.groups; part++ {
		for _, s := range g.steps {
			if g.profile == nil {
				s.runPart(group, part, thread, part == first)
				continue
			}
			start := time.Now()
			s.runPart(group, part, thread, part == first)
			g.profile.inner[s][thread] += time.Since(start)
		}
	}
}

// runPart computes one step for one part of the batch.
func (s *innerStep) runPart(group, part, thread int, first bool) {
	a := s.bindArgs(part, thread)
	if s.sum == nil {
		s.launch.Serial(thread, a.out, a.in, a.work)
		return
	}
	in, first := s.sum.accumulator(group, part, thread, first)
	if first {
		s.launch.Serial(thread, in[0], a.in, a.work)
		return
	}
	if s.launch.SerialAdd != nil {
		s.launch.SerialAdd(thread, in[0], a.in, a.work)
		return
	}
	s.launch.Serial(thread, in[1], a.in, a.work)
	s.sum.add.Serial(thread, in[0], in, nil)
}

// bindArgs returns the buffers of a step for one part of the batch.
func (s *innerStep) bindArgs(part, thread int) *launchArgs {
	a := &s.args[thread]
	for k, v := range s.in {
		a.in[k] = v.memory.at(part, thread)
	}
	if s.sum == nil {
		a.out = s.out.memory.at(part, thread)
	}
	return a
}

func (m *innerMemory) at(part, thread int) kernels.Buffer {
	switch m.place {
	case bySample:
		return m.table[part]
	case byThread:
		return m.table[thread]
	}
	return m.table[0]
}

// firstBad runs the segment on one thread and returns the first step with a
// result that bad reports.
func (g *segment) firstBad(bad func(b kernels.Buffer, o kernels.Operand) bool) *innerStep {
	clear(g.ready)
	for group := range g.groups {
		parts := g.n / g.size
		for part := parts * group / g.groups; part < parts*(group+1)/g.groups; part++ {
			for _, s := range g.steps {
				a := s.bindArgs(part, 0)
				s.launch.Setup(0, a.out, a.in, a.work)
				s.runPart(group, part, 0, true)
				out := a.out
				if s.sum != nil {
					in, _ := s.sum.accumulator(group, part, 0, true)
					out = in[0]
				}
				if bad(out, s.out.operand) {
					return s
				}
			}
		}
	}
	return nil
}
