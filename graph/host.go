package graph

import (
	"fmt"
	"slices"
	"strings"

	"gorgonia.org/gorgonia"

	"hourglass/kernels"
)

// hostMemory is a buffer that host code can work on.
type hostMemory interface{ Bytes() []byte }

// bindHost makes the steps executable that run through Gorgonia's own Do. They
// need host memory: on another device all of them are reported as an error.
func (p *Program) bindHost() error {
	var foreign []string
	for _, s := range p.plan.steps {
		if s.host == nil {
			continue
		}
		if _, ok := s.args.out.(hostMemory); !ok {
			foreign = append(foreign, s.describe())
			continue
		}
		s.run = s.runHost
	}
	if len(foreign) > 0 {
		slices.Sort(foreign)
		return fmt.Errorf("graph: compile: %s has no kernel for Gorgonia's own %s", p.dev.Name(), strings.Join(slices.Compact(foreign), ", "))
	}
	return nil
}

// runHost computes a step by the operation's own Do. Operands are copied, as an
// operation may write over them.
func (s *step) runHost() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	in := make([]gorgonia.Value, len(s.in))
	for i, v := range s.in {
		data := decode(v.root().buffer.(hostMemory).Bytes()[:v.operand.Bytes()], v.operand.DType)
		in[i] = valueOf(kernels.Array{Shape: v.operand.Shape, Data: data}, v.operand.DType)
	}
	result, err := s.host.Do(in...)
	if err != nil {
		return err
	}
	a, err := arrayOf(result)
	if err != nil {
		return err
	}
	if len(a.Data) != s.out.operand.Shape.Size() {
		return fmt.Errorf("got a result of shape %v, want %v", a.Shape, s.out.operand.Shape)
	}
	copy(s.args.out.(hostMemory).Bytes(), encode(a.Data, s.out.operand.DType))
	return nil
}
