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
	if err := p.inputs.send(p.dev); err != nil {
		return err
	}
	if p.profile != nil {
		p.profile.runs++
	}
	return p.runPart(what)
}

// inputs are those of a program's inputs that are small, on a device that
// records: they lie behind one another, and all that a step is fed goes there in
// one copy.
type inputs struct {
	buffer kernels.Buffer
	host   []byte // what buffer is to hold
	stale  bool   // it does not yet
}

// smallInput is what an input takes at most that goes with others.
const smallInput = 64 << 10

// gatherInputs gives the small inputs their place.
func (p *Program) gatherInputs() error {
	if _, ok := p.dev.(kernels.Recorder); !ok {
		return nil
	}
	small := func(v *value) bool {
		return v.home == isInput && v.operand.Bytes() > 0 && v.operand.Bytes() <= smallInput
	}
	size := 0
	for _, v := range p.plan.values {
		if small(v) {
			size += aligned(v.operand.Bytes())
		}
	}
	if size == 0 {
		return nil
	}
	var err error
	if p.inputs.buffer, err = p.dev.Alloc(size); err != nil {
		return fmt.Errorf("graph: compile: inputs: %w", err)
	}
	p.inputs.host = make([]byte, size)
	at := 0
	for _, v := range p.plan.values {
		if n := v.operand.Bytes(); small(v) {
			v.buffer, v.staged = p.inputs.buffer.View(at, n), p.inputs.host[at:at+n:at+n]
			at += aligned(n)
		}
	}
	return nil
}

// send brings what was fed to the device.
func (in *inputs) send(dev kernels.Device) error {
	if !in.stale {
		return nil
	}
	in.stale = false
	return dev.Upload(in.buffer, in.host)
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
