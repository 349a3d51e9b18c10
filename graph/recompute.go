package graph

import (
	"slices"

	"hourglass/kernels"
)

// A recomputer has runs compute anew, a few samples at a time, what is cheaper
// to compute than to read: the result of a short element-wise step on one array
// that is in memory anyway. A normalised layer's result is one. If all that read
// it do so, it is never in memory as a whole.
type recomputer struct {
	n     int
	small int // bytes of an operand that does not count
	maker map[*value]*step
	at    map[*step]int
	last  map[*value]int
}

func newRecomputer(p *plan, n, small int) *recomputer {
	r := &recomputer{n: n, small: small, maker: map[*value]*step{}, at: map[*step]int{}, last: lastReads(p, p.outs)}
	for i, s := range p.steps {
		r.at[s] = i
		for _, v := range s.outs() {
			r.maker[v.root()] = s
		}
	}
	return r
}

// run rewrites a run: but for steps in run.reads, it reads no value that it can
// compute.
func (r *recomputer) run(run *runOfSteps) {
	if run.found == nil {
		if run.roles == nil {
			return
		}
		run.found = &runOfSteps{steps: run.steps, roles: run.roles}
		run.reads = map[*step]bool{}
	}
	run.steps, run.roles, run.original = nil, nil, map[*step]*step{}
	again := map[*value]*value{} // by root: the value computed anew
	for i, s := range run.found.steps {
		role := run.found.roles[i]
		changed := s
		for k, v := range s.in {
			if run.reads[s] || !role.in[k] || run.found.makes(v.root()) {
				continue
			}
			m, ok := r.worth(v.root(), run)
			if !ok {
				continue
			}
			if again[v.root()] == nil {
				c := *m
				c.out = &value{operand: v.root().operand, name: v.root().name}
				again[v.root()] = c.out
				of, _ := roleOf(&c, r.n)
				run.steps, run.roles = append(run.steps, &c), append(run.roles, of)
			}
			if changed == s {
				c := *s
				c.in, changed = slices.Clone(s.in), &c
				run.original[changed] = s
			}
			changed.in[k] = &value{operand: v.operand, name: v.name, home: isView, base: again[v.root()]}
		}
		run.steps, run.roles = append(run.steps, changed), append(run.roles, role)
	}
}

// readAll has all steps of the run read what is in memory, and reports whether
// some did not.
func (run *runOfSteps) readAll() bool {
	for _, s := range run.original {
		run.reads[s] = true
	}
	return len(run.original) > 0
}

// prune drops from the runs what nobody reads any more.
func (r *recomputer) prune(p *plan, runs []*runOfSteps, after []*step) {
	lists := [][]*step{after}
	for _, run := range runs {
		lists = append(lists, run.steps)
	}
	read := readBy(p, lists...)
	for _, run := range runs {
		if run.found == nil {
			continue
		}
		var steps []*step
		var roles []role
		for i, s := range run.steps {
			root := s.out.root()
			if r.last[root] > r.at[r.maker[root]] && root.home == inArena && !read[root] {
				continue
			}
			steps, roles = append(steps, s), append(roles, run.roles[i])
		}
		run.steps, run.roles = steps, roles
	}
}

// makes reports whether a step of the run computes the root.
func (run *runOfSteps) makes(root *value) bool {
	return slices.ContainsFunc(run.steps, func(s *step) bool { return s.out.root() == root })
}

// worth returns the step that computes the root, if the run had better compute
// it too than read it: if it goes over one array that must last until then in
// any case, and is done in a moment.
func (r *recomputer) worth(root *value, run *runOfSteps) (*step, bool) {
	m := r.maker[root]
	if m == nil || root.home != inArena || r.last[root] == len(r.at) || m.out != root || root.operand.Bytes() <= r.small {
		return nil, false
	}
	code, ok := codeOf(m)
	if !ok || !cheap(code) {
		return nil, false
	}
	role, ok := roleOf(m, r.n)
	if !ok {
		return nil, false
	}
	arrays, end := 0, r.at[run.found.steps[len(run.found.steps)-1]]
	for k, v := range m.in {
		o := v.root()
		if v.operand.Bytes() <= r.small {
			continue
		}
		arrays++
		if !role.in[k] || v.operand.Bytes() > root.operand.Bytes() || o.home == inArena && r.last[o] < end {
			return nil, false
		}
	}
	return m, arrays == 1
}

// cheap reports whether the code takes less time than its operand takes to come
// from memory.
func cheap(c kernels.Code) bool {
	return c.Len <= 6 && !slices.ContainsFunc(c.Instrs[:c.Len], func(ins kernels.Instr) bool {
		switch ins.Fn {
		case kernels.Copy, kernels.Neg, kernels.Scale, kernels.Offset, kernels.Square, kernels.Add, kernels.Sub, kernels.Mul,
			kernels.ReLU, kernels.LeakyReLU, kernels.ReLUGrad, kernels.LeakyReLUGrad:
			return false
		}
		return true
	})
}
