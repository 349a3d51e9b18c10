package graph

import (
	"fmt"
	"slices"
	"strings"

	"gorgonia.org/gorgonia"

	"hourglass/kernels"
)

// A plan is a program on its way through the passes: a list of steps over
// values.
type plan struct {
	values []*value
	steps  []*step
	nodes  map[*Node]*value
	outs   []*value

	scalar32 float32 // where Scalar downloads to
	scalar64 float64
}

// A value is an array of the plan.
type value struct {
	operand kernels.Operand
	name    string
	home    home
	data    []byte // of a constant
	base    *value // of a view: the value whose memory it is, under another shape
	buffer  kernels.Buffer
	staged  []byte // of an input: what buffer is to hold at the next run
	offset  int    // in the arena
}

// home says where a value lives.
type home uint8

const (
	inArena    home = iota // computed by a step, in the arena
	isInput                // fed
	isConstant             // uploaded once
	isVariable             // in Variables
	isView                 // where its base lives
	inThread               // inside a segment, a few samples at a time
)

// A step computes one value.
type step struct {
	spec kernels.Spec
	host gorgonia.Op // an operation of Gorgonia's own that runs by its Do; spec is nil
	in   []*value
	out  *value
	node *Node // what it was lowered from, for messages

	segment   *segment // steps that run depth first; spec is nil
	results   []*value // of a segment
	workspace int      // bytes

	run  func() error
	args launchArgs
}

// outs returns the values that the step computes.
func (s *step) outs() []*value {
	if s.segment != nil {
		return s.results
	}
	return []*value{s.out}
}

// root returns the value whose memory v is.
func (v *value) root() *value {
	for v.base != nil {
		v = v.base
	}
	return v
}

// lower reads the part of the graph that the outputs depend on. Steps are in
// the order in which the nodes were made, which has a layer's gradients next to
// each other and so keeps few of them alive.
func lower(g *gorgonia.ExprGraph, vars *Variables, outs []*Node) (*plan, error) {
	l := &lowering{g: g, vars: vars, plan: &plan{nodes: map[*Node]*value{}}}
	nodes, err := l.reach(outs)
	if err != nil {
		return nil, err
	}
	for _, n := range nodes {
		if err := l.node(n); err != nil {
			return nil, err
		}
	}
	for _, n := range outs {
		l.plan.outs = append(l.plan.outs, l.plan.nodes[n])
	}
	return l.plan, nil
}

type lowering struct {
	g     *gorgonia.ExprGraph
	vars  *Variables
	plan  *plan
	float *kernels.Operand // the first floating-point operand, whose type all must have
	first *Node
}

// reach returns the nodes that outs depend on, in the order of their ids.
func (l *lowering) reach(outs []*Node) ([]*Node, error) {
	seen := map[*Node]bool{}
	var nodes []*Node
	queue := slices.Clone(outs)
	for len(queue) > 0 {
		n := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		if n == nil {
			return nil, fmt.Errorf("graph: compile: an output is nil; look at the builder's Err")
		}
		if seen[n] {
			continue
		}
		seen[n] = true
		if n.Graph() != l.g {
			return nil, fmt.Errorf("graph: compile: %v is of another graph", n)
		}
		if err := checkPresent(l.g, n); err != nil {
			return nil, fmt.Errorf("graph: compile: %w", err)
		}
		nodes = append(nodes, n)
		queue = append(queue, operands(l.g, n)...)
	}
	slices.SortFunc(nodes, func(a, b *Node) int { return int(a.ID() - b.ID()) })
	return l.sort(nodes)
}

// sort moves each node behind its operands. Ids nearly do that already.
func (l *lowering) sort(nodes []*Node) ([]*Node, error) {
	var order []*Node
	state := map[*Node]int{} // 1: being visited, 2: done
	var visit func(n *Node) error
	visit = func(n *Node) error {
		switch state[n] {
		case 1:
			return fmt.Errorf("graph: compile: %v depends on itself", n)
		case 2:
			return nil
		}
		state[n] = 1
		for _, in := range operands(l.g, n) {
			if err := visit(in); err != nil {
				return err
			}
		}
		state[n] = 2
		order = append(order, n)
		return nil
	}
	for _, n := range nodes {
		if err := visit(n); err != nil {
			return nil, err
		}
	}
	return order, nil
}

// node adds the value of n to the plan, and the step that computes it.
func (l *lowering) node(n *Node) error {
	o, err := operandOf(n)
	if err != nil {
		return fmt.Errorf("graph: compile: %w", err)
	}
	if err := l.checkType(n, o); err != nil {
		return err
	}
	v := &value{operand: o, name: fmt.Sprintf("%%%d", n.ID())}
	l.plan.values = append(l.plan.values, v)
	l.plan.nodes[n] = v
	if n.Op() == nil {
		return l.leaf(n, v)
	}
	if c, ok := n.Op().(interface{ Value() gorgonia.Value }); ok {
		return l.constant(v, c.Value())
	}
	var in []*value
	for _, x := range operands(l.g, n) {
		in = append(in, l.plan.nodes[x])
	}
	spec, ok := SpecOf(n)
	if !ok {
		l.builtin(n, v, in)
		return nil
	}
	if _, ok := spec.(kernels.Reshape); ok {
		v.home, v.base = isView, in[0]
		return nil
	}
	if _, ok := spec.(kernels.Noise); ok {
		in[0] = v // only the shape of the first operand counts, so nothing need wait for it
	}
	l.plan.steps = append(l.plan.steps, &step{spec: spec, in: in, out: v, node: n})
	return nil
}

// checkType returns an error unless all floating-point nodes have one type.
func (l *lowering) checkType(n *Node, o kernels.Operand) error {
	if !o.DType.Float() {
		return nil
	}
	if l.float == nil {
		l.float, l.first = &o, n
	}
	if o.DType != l.float.DType {
		return fmt.Errorf("graph: compile: %v is %v and %v is %v: want one floating-point type in a graph", n, o.DType, l.first, l.float.DType)
	}
	return nil
}

// leaf makes v an input or a variable.
func (l *lowering) leaf(n *Node, v *value) error {
	v.name, v.home = n.Name(), isInput
	if l.vars == nil {
		return nil
	}
	buffer, o, ok := l.vars.lookup(v.name)
	if !ok {
		return nil
	}
	if o.DType != v.operand.DType || !o.Shape.Equal(v.operand.Shape) {
		return fmt.Errorf("graph: compile: %s is %v in the graph and %v in the variables", v.name, v.operand, o)
	}
	v.home, v.buffer = isVariable, buffer
	return nil
}

func (l *lowering) constant(v *value, c gorgonia.Value) error {
	a, err := arrayOf(c)
	if err != nil {
		return fmt.Errorf("graph: compile: constant %v: %w", c, err)
	}
	v.home, v.data = isConstant, encode(a.Data, v.operand.DType)
	v.name = strings.Join(strings.Fields(fmt.Sprint(c)), " ")
	return nil
}
