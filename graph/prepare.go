package graph

import (
	"fmt"
	"slices"

	"hourglass/kernels"
)

// launchArgs is a step ready to run.
type launchArgs struct {
	run  func(out kernels.Buffer, in []kernels.Buffer, work kernels.Buffer)
	out  kernels.Buffer
	in   []kernels.Buffer
	work kernels.Buffer
}

// prepare asks the device for every step's launch and plans the memory.
func (p *Program) prepare() error {
	steps := p.plan.steps
	inPlace, workspace := make([]uint32, len(steps)), make([]int, len(steps))
	for i, s := range steps {
		if s.host != nil || s.segment != nil {
			workspace[i] = s.workspace
			continue
		}
		in := make([]kernels.Operand, len(s.in))
		for k, v := range s.in {
			in[k] = v.operand
		}
		launch, err := p.dev.Prepare(s.spec, s.out.operand, in...)
		if err != nil {
			return fmt.Errorf("graph: compile: %s: %w", s.describe(), err)
		}
		if s.out.home == isVariable && slices.Contains(s.in, s.out) && launch.InPlace&(1<<slices.Index(s.in, s.out)) == 0 {
			return fmt.Errorf("graph: compile: %s: %s cannot update an operand in place", s.describe(), p.dev.Name())
		}
		s.args.run, inPlace[i], workspace[i] = launch.Run, launch.InPlace, launch.Workspace
	}
	size, work := place(p.plan, inPlace, workspace, p.plan.outs)
	p.arena, p.work, p.workspace = size, work, workspace
	return nil
}

// allocate binds the steps to memory.
func (p *Program) allocate() error {
	if err := p.fits(); err != nil {
		return err
	}
	steps, work, workspace := p.plan.steps, p.work, p.workspace
	arena, err := p.dev.Alloc(p.arena)
	if err != nil {
		return fmt.Errorf("graph: compile: memory for results: %w", err)
	}
	if err := p.bind(arena); err != nil {
		return err
	}
	for i, s := range steps {
		if s.segment != nil {
			if err := s.segment.bind(arena.View(work[i], workspace[i])); err != nil {
				return fmt.Errorf("graph: compile: memory for %d samples: %w", s.segment.size, err)
			}
			continue
		}
		s.args.out = s.out.root().buffer
		s.args.in = make([]kernels.Buffer, len(s.in))
		for k, v := range s.in {
			s.args.in[k] = v.root().buffer
		}
		if workspace[i] > 0 {
			s.args.work = arena.View(work[i], workspace[i])
		}
	}
	if err := p.bindHost(); err != nil {
		return err
	}
	p.record()
	return nil
}

// bind gives every root value its memory.
func (p *Program) bind(arena kernels.Buffer) error {
	for _, s := range p.plan.steps {
		for _, v := range s.outs() {
			if r := v.root(); r.home == inArena {
				r.buffer = arena.View(r.offset, r.operand.Bytes())
			}
		}
	}
	if err := p.gatherInputs(); err != nil {
		return err
	}
	for _, v := range p.plan.values {
		var err error
		switch v.home {
		case isInput:
			if v.staged == nil {
				v.buffer, err = p.dev.Alloc(v.operand.Bytes())
			}
			p.unfed[v] = true
		case isConstant:
			if v.buffer, err = p.dev.Alloc(len(v.data)); err == nil {
				err = p.dev.Upload(v.buffer, v.data)
			}
		}
		if err != nil {
			return fmt.Errorf("graph: compile: %s: %w", v.name, err)
		}
	}
	return nil
}
