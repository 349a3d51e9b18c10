package graph

import (
	"fmt"
	"slices"

	"hourglass/kernels"
)

// A segment is a run of steps that need not have the whole batch at once. Each
// thread takes a few samples through all of its steps before the next few, so
// that what lies between the steps stays in the thread's cache, and threads
// meet once a segment instead of once a step. Results that are sums over the
// batch, as filters' gradients are, go to a fixed number of accumulators, which
// are added in their order in the end: the bits do not depend on the threads.
type segment struct {
	n, size int // samples in all, and at a time
	groups  int // accumulators; each takes its share of the samples in order
	steps   []*innerStep
	sums    []*batchSum
	late    []*step // better done with the whole batch, behind the segment
	memory  map[memoryKey]*innerMemory
	order   []*innerMemory // in the order of their making
	samples int            // bytes of a thread's results
	thread  int            // bytes of a thread's own memory: results and workspaces

	dev     kernels.Threaded
	ready   []bool // by thread: Setup is done in this run
	work    func(group, thread int)
	profile *profile // nil unless times are wanted
}

// An innerStep is a step on a few samples.
type innerStep struct {
	*step
	launch kernels.Launch
	sum    *batchSum // where the result is added, if it is a sum over the batch
	in     []innerValue
	out    innerValue
	offset int          // of its workspace in the thread's memory
	args   []launchArgs // by thread
}

// An innerValue is an operand of a step on a few samples.
type innerValue struct {
	*value
	memory *innerMemory
}

// innerMemory is where inner values live: what is a root in the plan.
type innerMemory struct {
	*value
	outer *value
	place residence
	table []kernels.Buffer
}

type memoryKey struct {
	root  *value
	place residence
}

// residence says by what an innerMemory's table is indexed.
type residence uint8

const (
	whole    residence = iota // nothing: the outer value's memory
	bySample                  // the samples' part of the outer value's memory
	byThread                  // the thread's own memory
	byGroup                   // the accumulator of the group
)

// newSegment returns the segment of a run; nil if the run is not worth one.
// others are all runs, and after the steps behind them.
func newSegment(p *plan, run *runOfSteps, n int, dev kernels.Threaded, costs costModel, others []*runOfSteps, after []*step) (*segment, error) {
	if len(run.steps) < 2 || len(run.roles) == 0 {
		return nil, nil
	}
	outside := readOutside(p, run, others, after)
	g := &segment{n: n, size: 1, dev: dev}
	if err := g.build(run, outside); err != nil {
		return nil, err
	}
	size := largestDivisor(n, min(costs.mostSamples, costs.cacheBytes/max(g.samples, 1), n/costs.leastParts))
	run, late := run.split(size, n)
	for _, s := range late {
		for _, v := range s.in {
			outside[v.root()] = true
		}
	}
	g = &segment{n: n, size: size, dev: dev}
	if err := g.build(run, outside); err != nil {
		return nil, err
	}
	if kept := g.kept(); kept < costs.worthBytes || kept < costs.worthSetup*(g.thread-g.samples) {
		return nil, nil
	}
	total, byPart := 0, 0
	for _, b := range g.sums {
		if b.byPart {
			byPart += b.bytes(g)
		} else {
			total += aligned(b.operand.Bytes())
		}
	}
	if total > costs.sumBytes || byPart > costs.sumBytes {
		return nil, nil
	}
	g.groups = min(costs.mostGroups, n/g.size, max(4, costs.sumBytes/max(total, 1)))
	g.late = late
	return g, nil
}

// kept returns how many bytes of results never leave the threads' memory: what
// the segment saves.
func (g *segment) kept() int {
	bytes := 0
	for _, m := range g.order {
		if m.place == byThread {
			bytes += m.operand.Bytes() * (g.n / g.size)
		}
	}
	return bytes
}

// split takes those sums out of a run that would spend their time on memory:
// the gradient of a large filter or of a dense layer adds little to each of its
// many elements when a part of the batch is a few samples. Nobody in the run
// reads sums, so they can wait for its end.
func (run *runOfSteps) split(size, n int) (kept *runOfSteps, late []*step) {
	const leastFlopsPerByte = 40
	kept = &runOfSteps{}
	for i, s := range run.steps {
		flops := s.flops() / int64(n) * int64(size)
		if run.roles[i].sum && flops > 0 && flops < leastFlopsPerByte*2*int64(s.out.operand.Bytes()) {
			late = append(late, s)
			continue
		}
		kept.steps = append(kept.steps, s)
		kept.roles = append(kept.roles, run.roles[i])
	}
	return kept, late
}

// largestDivisor returns the largest divisor of n that is at most bound, and at
// least 1.
func largestDivisor(n, bound int) int {
	for d := min(n, bound); d > 1; d-- {
		if n%d == 0 {
			return d
		}
	}
	return 1
}

// readOutside returns the roots that somebody reads who is not in the run.
func readOutside(p *plan, run *runOfSteps, others []*runOfSteps, after []*step) map[*value]bool {
	lists := [][]*step{after}
	for _, o := range others {
		if o != run {
			lists = append(lists, o.steps)
		}
	}
	return readBy(p, lists...)
}

// readBy returns the roots that steps read, and the plan's outputs.
func readBy(p *plan, lists ...[]*step) map[*value]bool {
	read := map[*value]bool{}
	for _, v := range p.outs {
		read[v.root()] = true
	}
	for _, steps := range lists {
		for _, s := range steps {
			for _, v := range s.in {
				read[v.root()] = true
			}
		}
	}
	return read
}

// build prepares the launches for g.size samples and plans a thread's memory.
func (g *segment) build(run *runOfSteps, outside map[*value]bool) error {
	g.memory = map[memoryKey]*innerMemory{}
	sub := &plan{}
	var inPlace []uint32
	for i, s := range run.steps {
		in, shadow, err := g.inner(s, run.roles[i], outside)
		if err != nil {
			return err
		}
		g.steps = append(g.steps, in)
		sub.steps = append(sub.steps, shadow)
		inPlace = append(inPlace, in.launch.InPlace)
	}
	// Workspaces keep what Setup prepared, so no two share memory.
	g.samples, _ = place(sub, inPlace, make([]int, len(sub.steps)), nil)
	g.thread = g.samples
	for _, s := range g.steps {
		s.offset = g.thread
		g.thread += aligned(s.launch.Workspace)
	}
	return nil
}

// inner returns a step for a few samples, and its shadow in the plan of the
// thread's memory.
func (g *segment) inner(s *step, r role, outside map[*value]bool) (*innerStep, *step, error) {
	in := &innerStep{step: s}
	shadow := &step{spec: g.spec(s, r)}
	var operands []kernels.Operand
	for k, v := range s.in {
		at := whole
		if r.in[k] {
			at = bySample
		}
		iv := g.value(v, at)
		in.in = append(in.in, iv)
		shadow.in = append(shadow.in, iv.value)
		operands = append(operands, iv.operand)
	}
	var err error
	switch root := s.out.root(); {
	case r.sum:
		if in.sum, err = g.newSum(s); err != nil {
			return nil, nil, err
		}
		in.out = g.value(s.out, byGroup)
	case root.home == inArena && !outside[root]:
		g.memory[memoryKey{root, bySample}] = g.newMemory(root, byThread)
		in.out = g.value(s.out, bySample)
	default:
		in.out = g.value(s.out, bySample)
	}
	shadow.out = in.out.value
	in.launch, err = g.dev.Prepare(shadow.spec, in.out.operand, operands...)
	if err != nil {
		return nil, nil, fmt.Errorf("graph: compile: %s: %w", s.describe(), err)
	}
	return in, shadow, nil
}

// spec returns what a step does with a few samples.
func (g *segment) spec(s *step, r role) kernels.Spec {
	switch spec := s.spec.(type) {
	case kernels.Mean:
		if r.sum {
			return kernels.Sum(spec)
		}
	case kernels.Broadcast:
		shape := spec.To.Shape()
		shape[0] = g.size
		return kernels.Broadcast{To: kernels.DimsOf(shape...)}
	}
	return s.spec
}

// value returns the operand v as a few samples see it.
func (g *segment) value(v *value, at residence) innerValue {
	key := memoryKey{v.root(), at}
	m := g.memory[key]
	if m == nil {
		m = g.newMemory(key.root, at)
		g.memory[key] = m
	}
	shape := v.operand.Shape.Clone()
	if at == bySample {
		shape[0] = g.size
	}
	return innerValue{&value{
		operand: kernels.Operand{DType: v.operand.DType, Shape: shape},
		name:    v.name, home: isView, base: m.value,
	}, m}
}

func (g *segment) newMemory(root *value, at residence) *innerMemory {
	size := root.operand.Shape.Size()
	home := isVariable
	if at == byThread {
		home = inArena
	}
	if at == bySample || at == byThread {
		size = size / g.n * g.size
	}
	operand := kernels.Operand{DType: root.operand.DType, Shape: kernels.Shape{size}}
	m := &innerMemory{&value{operand: operand, name: root.name, home: home}, root, at, nil}
	g.order = append(g.order, m)
	return m
}

// asStep returns the segment as one step of the plan.
func (g *segment) asStep() (*step, error) {
	s := &step{segment: g}
	for _, m := range g.order {
		made := slices.ContainsFunc(g.steps, func(in *innerStep) bool { return in.out.memory == m })
		switch {
		case m.place == byThread:
			m.outer.home = inThread
		case made:
			s.results = append(s.results, m.outer)
		default:
			s.in = append(s.in, m.outer)
		}
	}
	s.out = s.results[0]
	var err error
	for _, b := range g.sums {
		if s.workspace, err = b.end(g, s.workspace); err != nil {
			return nil, err
		}
	}
	return s, nil
}
