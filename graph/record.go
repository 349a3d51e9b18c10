package graph

import (
	"fmt"

	"hourglass/kernels"
)

// A part is what of a program runs: the graph itself, what updates the
// variables, or both.
type part int

const (
	computing part = iota
	updating
	everything
	parts
)

// recordings are the parts of a program that the device has kept, to run each
// as one launch.
type recordings struct {
	dev    kernels.Recorder // nil if the device or a step of the program is not for it
	seen   [parts]bool
	replay [parts]func()
}

// steps returns the steps of a part.
func (p *Program) steps(what part) []*step {
	switch what {
	case computing:
		return p.plan.steps[:p.compute]
	case updating:
		return p.plan.steps[p.compute:]
	}
	return p.plan.steps
}

// record sees whether the device can keep the program.
func (p *Program) record() {
	for _, s := range p.plan.steps {
		if s.segment != nil || s.run != nil {
			return
		}
	}
	p.recordings.dev, _ = p.dev.(kernels.Recorder)
}

// begin runs a part that computes the outputs.
func (p *Program) begin(what part) error {
	for v := range p.unfed {
		return fmt.Errorf("graph: run: input %s has not been fed", v.name)
	}
	if p.profile != nil {
		p.profile.runs++
	}
	return p.runPart(what)
}

// runPart runs a part: the first time launch by launch, and from the second on
// as what the device has kept of it. A profile wants launches.
func (p *Program) runPart(what part) error {
	r := &p.recordings
	steps := p.steps(what)
	if r.dev == nil || p.profile != nil || !r.seen[what] || len(steps) == 0 {
		r.seen[what] = true
		return p.runSteps(steps)
	}
	if r.replay[what] == nil {
		var err error
		if r.replay[what], err = r.dev.Record(func() { p.launch(steps) }); err != nil {
			return fmt.Errorf("graph: run: recording %d launches: %w", len(steps), err)
		}
	}
	r.replay[what]()
	return nil
}

// launch makes the launches of steps that are nothing else.
func (p *Program) launch(steps []*step) {
	for _, s := range steps {
		s.args.run(s.args.out, s.args.in, s.args.work)
	}
}
