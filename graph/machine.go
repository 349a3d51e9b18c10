package graph

import (
	"errors"
	"fmt"
	"reflect"

	"gorgonia.org/gorgonia"

	"hourglass/kernels"
)

// NewMachine compiles a graph for programs that run it on Gorgonia's
// TapeMachine today: the constructor changes, the rest stays. At every RunAll
// the values that are bound to input nodes go to the device, so gorgonia.Let and
// solvers, which change parameters in place, work on. Afterwards every node has
// its value, the targets of gorgonia.Read are filled, and every input that was
// differentiated by has its gradient, which gorgonia.NodesToValueGrads finds.
// Operations with a training mode, such as Dropout, are put into it.
//
// It takes none of TapeMachine's options: no EvalMode, logger, watch list, NaN
// watch or TraceExec. BindDualValues is not needed; gradients are those of the
// last run and do not add up over runs. Graphs with gorgonia.Set, and with
// values other than float32, float64, int32 and uint8, are refused. Reset does
// nothing, as RunAll always starts from the beginning. The graph must not change
// any more. The device stays the caller's to close.
//
// The machine copies every value between host and device, and fuses nothing. It
// is there for compatibility; Compile makes the fast programs.
func NewMachine(g *gorgonia.ExprGraph, dev kernels.Device) (vm gorgonia.VM, err error) {
	defer recovered("graph: machine", &err)
	m := &machine{}
	for _, n := range g.AllNodes() {
		if err := m.add(g, n); err != nil {
			return nil, fmt.Errorf("graph: machine: %w", err)
		}
	}
	if len(m.computed) == 0 {
		return nil, errors.New("graph: machine: the graph computes nothing")
	}
	if m.p, err = CompileWith(g, dev, Options{Unfused: true}, m.computed...); err != nil {
		return nil, err
	}
	return m, nil
}

// machine is a gorgonia.VM.
type machine struct {
	p        *Program // nil when closed
	inputs   []*Node
	computed []*Node // neither inputs nor constants
	reads    []read
}

// read is a gorgonia.Read statement.
type read struct {
	node *Node
	into *gorgonia.Value
}

// recovered turns a panic, of which Gorgonia makes many, into an error.
func recovered(where string, err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%s: %v", where, r)
	}
}

// add notes what is to be done about a node.
func (m *machine) add(g *gorgonia.ExprGraph, n *Node) error {
	switch op := n.Op().(type) {
	case nil:
		m.inputs = append(m.inputs, n)
		return nil
	case interface{ Value() gorgonia.Value }: // a constant
		return nil
	case gorgonia.TrainModeOp:
		if err := op.SetTraining(true); err != nil {
			return fmt.Errorf("%v: %w", n, err)
		}
	}
	switch fmt.Sprintf("%T", n.Op()) {
	case "gorgonia.letOp":
		return fmt.Errorf("%s: gorgonia.Set is not taken: bind values with gorgonia.Let between runs", n.Name())
	case "gorgonia.readOp":
		// Gorgonia keeps the target in an unexported field.
		into := reflect.ValueOf(n.Op()).FieldByName("into")
		if into.Kind() != reflect.Pointer || into.Type() != reflect.TypeFor[*gorgonia.Value]() {
			return fmt.Errorf("%s: this version of Gorgonia hides where to read to", n.Name())
		}
		m.reads = append(m.reads, read{operands(g, n)[0], (*gorgonia.Value)(into.UnsafePointer())})
		return nil
	}
	m.computed = append(m.computed, n)
	return nil
}

// RunAll computes every node's value.
func (m *machine) RunAll() (err error) {
	defer recovered("graph: machine", &err)
	if m.p == nil {
		return errors.New("graph: machine: it is closed")
	}
	for _, n := range m.inputs {
		if err := m.upload(n); err != nil {
			return fmt.Errorf("graph: machine: %w", err)
		}
	}
	if err := m.p.Run(); err != nil {
		return err
	}
	for _, n := range m.computed {
		v, err := m.value(n)
		if err == nil {
			err = gorgonia.UnsafeLet(n, v)
		}
		if err != nil {
			return fmt.Errorf("graph: machine: value of %v: %w", n, err)
		}
	}
	for _, n := range m.inputs {
		if err := m.bindGradient(n); err != nil {
			return fmt.Errorf("graph: machine: gradient by %s: %w", n.Name(), err)
		}
	}
	for _, r := range m.reads {
		if *r.into, err = m.value(r.node); err != nil {
			return fmt.Errorf("graph: machine: read of %v: %w", r.node, err)
		}
	}
	return nil
}

// upload copies the value that is bound to an input. Inputs that nothing depends
// on need none.
func (m *machine) upload(n *Node) error {
	v := m.p.nodes[n]
	if v == nil {
		return nil
	}
	bound := n.Value()
	if bound == nil {
		return fmt.Errorf("input %s has no value: bind one with gorgonia.Let", n.Name())
	}
	a, err := arrayOf(bound)
	if err != nil {
		return fmt.Errorf("input %s: %w", n.Name(), err)
	}
	if bound.Dtype() != n.Dtype() || len(a.Data) != v.operand.Shape.Size() {
		return fmt.Errorf("input %s has a value of %v%v, want %v", n.Name(), bound.Dtype(), a.Shape, v.operand)
	}
	return m.p.feed(v, encode(a.Data, v.operand.DType))
}

// value returns a copy of a node's value, as of the last run.
func (m *machine) value(n *Node) (gorgonia.Value, error) {
	v := m.p.nodes[n]
	if v == nil { // a constant or input that nothing is computed from
		if n.Value() == nil {
			return nil, fmt.Errorf("it has no value")
		}
		return gorgonia.CloneValue(n.Value())
	}
	b := make([]byte, v.operand.Bytes())
	if err := m.p.dev.Download(b, v.root().buffer); err != nil {
		return nil, err
	}
	return valueOf(kernels.Array{Shape: v.operand.Shape, Data: decode(b, v.operand.DType)}, v.operand.DType), nil
}

// bindGradient gives an input a gradient of its own: two inputs may have one
// node as their gradient, and solvers set gradients to zero.
func (m *machine) bindGradient(n *Node) error {
	if n.Deriv() == nil || n.Value() == nil {
		return nil
	}
	grad, err := m.value(n.Deriv())
	if err != nil {
		return err
	}
	gorgonia.WithGrad(grad)(n)
	return nil
}

// Reset does nothing.
func (m *machine) Reset() {}

// Close lets go of the program.
func (m *machine) Close() error {
	m.p = nil
	return nil
}
