package graph

import (
	"slices"

	"hourglass/kernels"
)

// A costModel decides which runs of steps become segments, and how these are
// cut. It knows shapes alone, since a schedule decides in which order sums are
// added, and results must not depend on the machine.
type costModel struct {
	cacheBytes  int // that the results of a thread's samples may take of its caches
	worthBytes  int // of results that a segment must keep in the threads' caches
	worthSetup  int // times the bytes of filters that each thread packs for itself
	mostSamples int // at a time
	leastParts  int // into which a batch is cut, to have work for many threads
	mostGroups  int // accumulators
	sumBytes    int // that all accumulators may take
	smallBytes  int // of an array whose memory does not matter
	weightBytes int // of a step's weights for which a core's cache has room beside all else
}

var usualCosts = costModel{
	cacheBytes:  1280 << 10,
	worthBytes:  2 << 20,
	worthSetup:  8,
	mostSamples: 64,
	leastParts:  16,
	mostGroups:  16,
	sumBytes:    16 << 20,
	smallBytes:  64 << 10,
	weightBytes: 256 << 10,
}

// deepen finds the segments of a plan and makes each a step of its own.
func deepen(p *plan, dev kernels.Device, compute int, costs costModel) (int, error) {
	threaded, ok := dev.(kernels.Threaded)
	float64s := func(v *value) bool { return v.operand.DType == kernels.Float64 }
	if !ok || slices.ContainsFunc(p.values, float64s) { // references run on one thread anyway
		return compute, nil
	}
	n := batchOf(p, compute)
	if n < 2 {
		return compute, nil
	}
	f := &finder{plan: p, n: n, costs: costs}
	for _, s := range p.steps[:compute] {
		f.step(s)
	}
	f.close()
	after := slices.Clone(p.steps[compute:])
	segments, err := f.segments(threaded, costs, after)
	if err != nil {
		return 0, err
	}
	var steps []*step
	for _, run := range f.runs {
		g := segments[run]
		if g == nil {
			steps = append(steps, run.steps...)
			continue
		}
		s, err := g.asStep()
		if err != nil {
			return 0, err
		}
		steps = append(append(steps, s), g.late...)
	}
	p.steps = append(steps, after...)
	return len(steps), nil
}

// segments returns those of the runs that are worth one. What runs compute anew
// makes segments worth more; runs that are none after all take it back, which
// may cost others theirs, until all is consistent.
func (f *finder) segments(dev kernels.Threaded, costs costModel, after []*step) (map[*runOfSteps]*segment, error) {
	again := newRecomputer(f.plan, f.n, costs.smallBytes)
	for {
		for _, run := range f.runs {
			again.run(run)
		}
		again.prune(f.plan, f.runs, after)
		segments, settled := map[*runOfSteps]*segment{}, true
		for _, run := range f.runs {
			g, err := newSegment(f.plan, run, f.n, dev, costs, f.runs, after)
			if err != nil {
				return nil, err
			}
			if g == nil {
				settled = !run.readAll() && settled
				continue
			}
			segments[run] = g
			for i, s := range g.late { // which run on the whole batch
				if original := run.original[s]; original != nil {
					run.reads[original], settled = true, false
					g.late[i] = original
				}
			}
		}
		if settled {
			return segments, nil
		}
	}
}

// batchOf returns the size of the batch: the leading axis of the first result
// that convolution, product or gathering makes.
func batchOf(p *plan, compute int) int {
	for _, s := range p.steps[:compute] {
		switch s.spec.(type) {
		case kernels.Gather, kernels.Conv2D, kernels.MatMul:
			return s.out.operand.Shape[0]
		}
	}
	return 0
}

// A role says how a step divides when the batch does.
type role struct {
	in  []bool // operands of which a sub-batch needs its own part alone
	sum bool   // the result is the parts' sum (moments: made of theirs), else the parts are its own
}

// roleOf returns the role of a step in batches of n, and false if it needs the
// whole batch.
func roleOf(s *step, n int) (role, bool) {
	lead := func(v *value) bool { return len(v.operand.Shape) > 0 && v.operand.Shape[0] == n }
	r := role{in: make([]bool, len(s.in))}
	all := func() (role, bool) {
		for i, v := range s.in {
			r.in[i] = true
			if !lead(v) {
				return r, false
			}
		}
		return r, lead(s.out)
	}
	switch spec := s.spec.(type) {
	case kernels.Elementwise, kernels.Broadcast:
		for i, v := range s.in {
			r.in[i] = lead(v) && len(v.operand.Shape) == len(s.out.operand.Shape)
		}
		return r, lead(s.out)
	case kernels.Conv2D, kernels.Conv2DInputGrad:
		e, _ := epilogueOf(spec)
		r.in[0], r.in[len(r.in)-1] = true, e.Grad != kernels.Copy
		return r, lead(s.out)
	case kernels.Conv2DFilterGrad:
		r.sum = true
		r.in[0], r.in[1] = true, true
		return r, lead(s.in[0])
	case kernels.MatMul:
		return matMulRole(spec, r, s, n)
	case kernels.Sum:
		return reductionRole(spec.Axes, r, s, n)
	case kernels.SumProduct:
		r.in[1] = true
		return reductionRole(spec.Axes, r, s, n)
	case kernels.Mean:
		return reductionRole(spec.Axes, r, s, n)
	case kernels.Moments:
		if spec.Axes.Has(0) {
			return reductionRole(spec.Axes, r, s, n)
		}
	case kernels.Gather:
		r.in[1] = true
		return r, lead(s.out)
	case kernels.LogSumExp:
		if !spec.Axes.Has(0) {
			return reductionRole(spec.Axes, r, s, n)
		}
	case kernels.OneHotMax, kernels.Cast, kernels.MaxPool2D, kernels.MaxPool2DGrad, kernels.MaxPool2DSelect, kernels.AvgPool2D,
		kernels.AvgPool2DGrad, kernels.Upsample2D, kernels.Upsample2DGrad:
		return all()
	case kernels.Concat:
		if spec.Axis > 0 {
			return all()
		}
	case kernels.Slice:
		if spec.Axis > 0 {
			return all()
		}
	case kernels.Pad:
		if spec.Axis > 0 {
			return all()
		}
	}
	return r, false
}

func matMulRole(spec kernels.MatMul, r role, s *step, n int) (role, bool) {
	if !spec.TransA {
		r.in[0] = true
		if spec.Grad != kernels.Copy {
			r.in[len(r.in)-1] = true
		}
		return r, s.out.operand.Shape[0] == n
	}
	r.sum, r.in[0], r.in[1] = true, true, true
	return r, !spec.TransB && spec.Epilogue == kernels.Epilogue{} && s.in[0].operand.Shape[0] == n
}

func reductionRole(axes kernels.Axes, r role, s *step, n int) (role, bool) {
	shape := s.in[0].operand.Shape
	r.in[0], r.sum = true, axes.Has(0)
	return r, len(shape) > 0 && shape[0] == n
}

// finder cuts a plan into runs.
type finder struct {
	plan  *plan
	n     int
	costs costModel
	runs  []*runOfSteps
	open  *runOfSteps
	made  map[*value]role // roots that the open run makes
	late  []*step         // wait for the end of the open run
}

// A runOfSteps is a candidate for a segment, or steps that are none.
type runOfSteps struct {
	steps []*step
	roles []role // nil for steps that are none

	found    *runOfSteps     // as the finder cut it, before a recomputer's changes
	original map[*step]*step // what the finder has for a changed step
	reads    map[*step]bool  // steps of found that are to read what is in memory
}

// step puts s into the open run, before it, or behind it. What needs the whole
// batch and what the run makes, such as the loss of its terms, waits for the
// run's end, and so do small steps that need such a result in turn: a bias's
// gradient may be a sum's negative. A step on the batch that needs one ends the
// run.
func (f *finder) step(s *step) {
	r, ok := roleOf(s, f.n)
	ok = ok && !f.heavy(s)
	switch {
	case f.open == nil:
	case ok && !f.waits(s) && f.fits(s, r):
		f.put(s, r)
		return
	case ok && s.bytes() > int64(f.costs.smallBytes):
		f.close()
	case f.waits(s) || f.depends(s):
		f.late = append(f.late, s)
		return
	default:
		f.runs = append(f.runs, &runOfSteps{steps: []*step{s}})
		return
	}
	if !ok {
		f.runs = append(f.runs, &runOfSteps{steps: []*step{s}})
		return
	}
	f.open, f.made = &runOfSteps{}, map[*value]role{}
	f.put(s, r)
}

// heavy reports whether s has weights that do not stay in a core's cache, and
// more of them, packed, than the largest part of the batch has of its operand and
// its result. To bring them for every part costs more than it saves, so the whole
// batch takes such a step at once: layers of few places and many channels, and
// dense ones.
func (f *finder) heavy(s *step) bool {
	switch spec := s.spec.(type) {
	case kernels.Conv2D, kernels.Conv2DInputGrad:
	case kernels.MatMul:
		if spec.TransA { // a product of two batches
			return false
		}
	default:
		return false
	}
	weights := s.in[1].operand.Bytes()
	packed := 2 * weights // as they are, and as the kernel transforms or transposes them
	return weights > f.costs.weightBytes && packed > (s.in[0].operand.Bytes()+s.out.operand.Bytes())/f.costs.leastParts
}

// waits reports whether s reads a result that waits for the end of the run.
func (f *finder) waits(s *step) bool {
	return slices.ContainsFunc(s.in, func(v *value) bool {
		return slices.ContainsFunc(f.late, func(l *step) bool { return l.out.root() == v.root() })
	})
}

func (f *finder) put(s *step, r role) {
	f.open.steps = append(f.open.steps, s)
	f.open.roles = append(f.open.roles, r)
	f.made[s.out.root()] = r
}

func (f *finder) close() {
	if f.open == nil {
		return
	}
	f.runs = append(f.runs, f.open)
	for _, s := range f.late {
		f.runs = append(f.runs, &runOfSteps{steps: []*step{s}})
	}
	f.open, f.late = nil, nil
}

// depends reports whether s reads what the open run makes.
func (f *finder) depends(s *step) bool {
	return slices.ContainsFunc(s.in, func(v *value) bool { _, ok := f.made[v.root()]; return ok })
}

// fits reports whether every operand that the open run makes is wanted in the
// parts in which it is made.
func (f *finder) fits(s *step, r role) bool {
	for i, v := range s.in {
		if made, ok := f.made[v.root()]; ok && (made.sum || !r.in[i]) {
			return false
		}
	}
	return true
}
