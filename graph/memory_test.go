package graph

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"hourglass/kernels"
)

// randomPlan returns a plan of random sizes and readers, with views, values
// that nobody reads, kernels that may work in place, and scratch memory.
func randomPlan(r *rand.Rand) (p *plan, inPlace []uint32, workspace []int, keep []*value) {
	p = &plan{}
	add := func(v *value) *value {
		p.values = append(p.values, v)
		return v
	}
	add(&value{operand: kernels.Operand{Shape: kernels.Shape{10}}, home: isInput})
	sizes := []int{0, 1, 15, 16, 17, 40}
	for range 1 + r.IntN(25) {
		s := &step{spec: kernels.Unary{}}
		for range 1 + r.IntN(3) {
			s.in = append(s.in, p.values[len(p.values)-1-r.IntN(min(6, len(p.values)))])
		}
		s.out = add(&value{operand: kernels.Operand{Shape: kernels.Shape{sizes[r.IntN(len(sizes))]}}, name: fmt.Sprint(len(p.values))})
		if r.IntN(4) == 0 {
			add(&value{operand: s.out.operand, home: isView, base: s.out})
		}
		p.steps = append(p.steps, s)
		inPlace, workspace = append(inPlace, r.Uint32()), append(workspace, r.IntN(3)*r.IntN(100))
	}
	for range r.IntN(4) {
		keep = append(keep, p.values[r.IntN(len(p.values))])
	}
	return p, inPlace, workspace, keep
}

// TestPlacesDoNotOverlap follows random plans and holds every step's memory to
// what is alive then.
func TestPlacesDoNotOverlap(t *testing.T) {
	reused, over := 0, 0
	for seed := range uint64(5000) {
		p, inPlace, workspace, keep := randomPlan(rand.New(rand.NewPCG(seed, 0)))
		size, work := place(p, inPlace, workspace, keep)
		took, err := checkPlaces(p, inPlace, workspace, work, size, keep)
		if err != nil {
			t.Fatalf("plan %d: %v", seed, err)
		}
		over += took
		total := 0
		for _, s := range p.steps {
			total += aligned(s.out.operand.Bytes())
		}
		if size < total {
			reused++
		}
	}
	if reused < 1000 || over < 1000 {
		t.Errorf("memory was reused in %d of 5000 plans and written over in place %d times, want more", reused, over)
	}
}

// span is a range of bytes.
type span struct{ from, to int }

func (s span) meets(o span) bool { return s.from < o.to && o.from < s.to }

func spanOf(v *value) span { return span{v.offset, v.offset + v.operand.Bytes()} }

// checkPlaces returns the first conflict of a placed plan, and how many steps
// write over an operand.
func checkPlaces(p *plan, inPlace []uint32, workspace, work []int, size int, keep []*value) (over int, err error) {
	lastRead := map[*value]int{}
	for i, s := range p.steps {
		for _, v := range s.in {
			lastRead[v.root()] = i
		}
	}
	for _, v := range keep {
		lastRead[v.root()] = len(p.steps)
	}
	var written []*value
	for i, s := range p.steps {
		out := s.out.root()
		at, scratch := spanOf(out), span{work[i], work[i] + workspace[i]}
		if out.offset%align != 0 || at.to > size || scratch.from%align != 0 || workspace[i] > 0 && scratch.to > size {
			return 0, fmt.Errorf("step %d: result %v and scratch %v in an arena of %d bytes, at multiples of %d", i, at, scratch, size, align)
		}
		if workspace[i] > 0 && scratch.meets(at) {
			return 0, fmt.Errorf("step %d: scratch %v meets the result %v", i, scratch, at)
		}
		for _, v := range written {
			if lastRead[v] < i {
				continue
			}
			if workspace[i] > 0 && scratch.meets(spanOf(v)) {
				return 0, fmt.Errorf("step %d: scratch %v meets value %s %v", i, scratch, v.name, spanOf(v))
			}
			if !at.meets(spanOf(v)) {
				continue
			}
			if !mayOverwrite(s, inPlace[i], v) || lastRead[v] > i || at != spanOf(v) {
				return 0, fmt.Errorf("step %d: result %v meets value %s %v, which is read until step %d", i, at, v.name, spanOf(v), lastRead[v])
			}
			over++
		}
		written = append(written, out)
	}
	return over, nil
}

// mayOverwrite reports whether a step reads v once, as an operand that its
// kernel can work on in place.
func mayOverwrite(s *step, inPlace uint32, v *value) bool {
	reads, may := 0, false
	for k, in := range s.in {
		if in.root() == v {
			reads++
			may = inPlace>>k&1 == 1
		}
	}
	return reads == 1 && may
}
