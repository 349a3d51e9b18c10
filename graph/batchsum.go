package graph

import (
	"fmt"

	"hourglass/kernels"
)

// A batchSum is a result of a segment that the whole batch goes into: a sum, a
// mean or moments over it. What the parts of the batch give goes to
// accumulators, of which the result is made in the end, in their order.
type batchSum struct {
	step    *step
	operand kernels.Operand      // of one accumulator
	byPart  bool                 // each part of the batch has an accumulator, else each group
	add     kernels.Launch       // accumulator + part, if there is one for a group
	addIn   [][][]kernels.Buffer // by accumulator and thread: accumulator, part
	last    []kernels.Launch     // makes the result of the accumulators
	lastArg []launchArgs
	offset  int // of the accumulators in the segment's workspace
	between int // of moments of them
	scratch int // of what the first of last needs
}

// newSum prepares the accumulation of a step's result. The end needs the number
// of accumulators, so it is prepared by asStep.
func (g *segment) newSum(s *step) (*batchSum, error) {
	o := kernels.Operand{DType: s.out.operand.DType, Shape: kernels.Shape{s.out.operand.Shape.Size()}}
	b := &batchSum{step: s, operand: o}
	g.sums = append(g.sums, b)
	if _, b.byPart = s.spec.(kernels.Moments); b.byPart {
		return b, nil
	}
	var err error
	if b.add, err = g.dev.Prepare(kernels.Binary{Fn: kernels.Add}, o, o, o); err != nil {
		return nil, fmt.Errorf("graph: compile: sum of %s: %w", s.describe(), err)
	}
	return b, nil
}

// accumulators returns how many there are.
func (b *batchSum) accumulators(g *segment) int {
	if b.byPart {
		return g.n / g.size
	}
	return g.groups
}

// bytes returns the memory that the accumulators take in segment g.
func (b *batchSum) bytes(g *segment) int { return b.accumulators(g) * aligned(b.operand.Bytes()) }

// end prepares what makes the result of the accumulators, and places their
// memory in the workspace behind byte at. It returns the end of that.
func (b *batchSum) end(g *segment, at int) (int, error) {
	s := b.step
	size := b.operand.Shape[0]
	of := func(shape ...int) kernels.Operand { return kernels.Operand{DType: b.operand.DType, Shape: shape} }
	all, half := of(b.accumulators(g), size), of(size/2)
	b.offset = at
	at += b.bytes(g)
	var err error
	add := func(spec kernels.Spec, out kernels.Operand, in ...kernels.Operand) {
		launch, failed := g.dev.Prepare(spec, out, in...)
		if failed != nil && err == nil {
			err = fmt.Errorf("graph: compile: %s of %d parts: %w", s.describe(), all.Shape[0], failed)
		}
		b.last = append(b.last, launch)
	}
	switch s.spec.(type) {
	case kernels.Moments:
		b.between, at = at, at+2*aligned(b.operand.Bytes())
		add(kernels.Moments{Axes: kernels.AxesOf(0)}, of(2, size), all)
		add(kernels.Unary{Fn: kernels.Copy}, half, half)
		add(kernels.Binary{Fn: kernels.Add}, half, half, half)
	case kernels.Mean:
		terms := float64(s.in[0].operand.Shape.Size()) / float64(size)
		add(kernels.Sum{Axes: kernels.AxesOf(0)}, b.operand, all)
		add(kernels.Unary{Fn: kernels.Scale, A: 1 / terms}, b.operand, b.operand)
	default:
		add(kernels.Sum{Axes: kernels.AxesOf(0)}, b.operand, all)
	}
	b.scratch, at = at, at+aligned(b.last[0].Workspace)
	return at, err
}

// bind gives b its memory: own is that of the threads, work the segment's.
func (b *batchSum) bind(g *segment, own []kernels.Buffer, work kernels.Buffer) {
	size, n := b.operand.Bytes(), b.accumulators(g)
	b.addIn = make([][][]kernels.Buffer, n)
	for k := range b.addIn {
		acc := work.View(b.offset+k*size, size)
		for _, t := range own {
			b.addIn[k] = append(b.addIn[k], []kernels.Buffer{acc, t.View(g.thread, size)})
		}
	}
	b.lastArg = nil
	add := func(out kernels.Buffer, in ...kernels.Buffer) {
		i := len(b.lastArg)
		b.lastArg = append(b.lastArg, launchArgs{run: b.last[i].Run, out: out, in: in})
	}
	result, all := b.step.out.root().buffer, work.View(b.offset, n*size)
	switch {
	case b.byPart:
		// The mean is that of the parts' means. The variance is the mean of
		// theirs and the variance of their means, as all parts are of one size.
		part := func(of kernels.Buffer, i int) kernels.Buffer { return of.View(i*size/2, size/2) }
		merged := work.View(b.between, 2*size) // means of means and variances, variances of both
		add(merged, all)
		add(part(result, 0), part(merged, 0))
		add(part(result, 1), part(merged, 1), part(merged, 2))
	default:
		add(result, all)
		if len(b.last) > 1 {
			add(result, result)
		}
	}
	if bytes := b.last[0].Workspace; bytes > 0 {
		b.lastArg[0].work = work.View(b.scratch, bytes)
	}
}

// total makes the result of the accumulators.
func (b *batchSum) total() {
	for i := range b.lastArg {
		a := &b.lastArg[i]
		a.run(a.out, a.in, a.work)
	}
}

// accumulator returns where a thread puts a part of a group, and whether the
// part is the first there.
func (b *batchSum) accumulator(group, part, thread int, first bool) (in []kernels.Buffer, alone bool) {
	if b.byPart {
		return b.addIn[part][thread], true
	}
	return b.addIn[group][thread], first
}
