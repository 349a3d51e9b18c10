package graph

import "slices"

// align is the boundary in bytes at which values of the arena start: a cache
// line, and what vector loads like best.
const align = 64

func aligned(n int) int { return (n + align - 1) / align * align }

// place gives every value that a step computes a place in one arena and returns
// the arena's size in bytes. A value's memory is free again after its last
// reader, and a step may write over an operand that it reads last, where its
// kernel can. keep holds the values that must last to the end.
func place(p *plan, inPlace []uint32, workspace []int, keep []*value) (size int, work []int) {
	last := lastReads(p, keep)
	a := &arena{}
	work = make([]int, len(p.steps))
	for i, s := range p.steps {
		for _, v := range s.outs() {
			a.result(s, i, v.root(), inPlace[i], last)
		}
		if workspace[i] > 0 {
			work[i] = a.take(nil, aligned(workspace[i]))
			a.release(nil)
		}
		for _, v := range append(slices.Clone(s.in), s.outs()...) {
			if r := v.root(); r.home == inArena && last[r] <= i {
				a.release(r)
			}
		}
	}
	return a.size, work
}

// lastReads returns the last step that reads each root; a value that nobody
// reads lasts until it is written.
func lastReads(p *plan, keep []*value) map[*value]int {
	last := map[*value]int{}
	for i, s := range p.steps {
		for _, v := range s.outs() {
			last[v.root()] = max(last[v.root()], i)
		}
		for _, v := range s.in {
			last[v.root()] = i
		}
	}
	for _, v := range keep {
		last[v.root()] = len(p.steps)
	}
	return last
}

// overwritten returns the operand whose memory step i's result can take.
func overwritten(s *step, i int, inPlace uint32, last map[*value]int) *value {
	for k, v := range s.in {
		r := v.root()
		if inPlace>>k&1 == 0 || r.home != inArena || last[r] != i || r.operand.Bytes() != s.out.operand.Bytes() {
			continue
		}
		again := slices.ContainsFunc(s.in[k+1:], func(w *value) bool { return w.root() == r }) ||
			slices.ContainsFunc(s.in[:k], func(w *value) bool { return w.root() == r })
		if !again {
			return r
		}
	}
	return nil
}

// arena hands out places. Each goes to the smallest gap that takes it.
type arena struct {
	blocks []block // in the order of their offsets
	size   int
}

type block struct {
	owner        *value // nil for the workspace of the step at hand
	offset, size int
}

// result places a result of step i.
func (a *arena) result(s *step, i int, out *value, inPlace uint32, last map[*value]int) {
	if out.home != inArena {
		return
	}
	if over := overwritten(s, i, inPlace, last); over != nil {
		out.offset = over.offset
		a.rename(over, out)
		return
	}
	out.offset = a.take(out, aligned(out.operand.Bytes()))
}

func (a *arena) take(owner *value, size int) int {
	best, at, end := -1, len(a.blocks), 0
	gap := -1
	for i, b := range a.blocks {
		if free := b.offset - end; free >= size && (gap < 0 || free < gap) {
			best, at, gap = end, i, free
		}
		end = b.offset + b.size
	}
	if best < 0 {
		best = end
	}
	a.blocks = slices.Insert(a.blocks, at, block{owner, best, size})
	a.size = max(a.size, best+size)
	return best
}

func (a *arena) release(owner *value) {
	a.blocks = slices.DeleteFunc(a.blocks, func(b block) bool { return b.owner == owner })
}

func (a *arena) rename(from, to *value) {
	for i := range a.blocks {
		if a.blocks[i].owner == from {
			a.blocks[i].owner = to
		}
	}
}
