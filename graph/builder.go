// Package graph builds Gorgonia expression graphs of kernels.Specs,
// differentiates them and compiles them to programs for a device.
//
// A model is written with a Builder. gorgonia.Grad adds the gradients, by the
// rules of rules.go, or VJP does where a gradient is itself differentiated.
// Compile turns the graph into a Program: lower.go reads the graph, fuse.go
// merges steps, memory.go places results in one arena, program.go runs them.
// Gorgonia's own TapeMachine runs the same graph through the references, which
// makes it the oracle that programs are held to.
package graph

import (
	"fmt"
	"slices"
	"strings"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"hourglass/kernels"
)

// A Node is a value of the graph.
type Node = gorgonia.Node

// A Builder writes a graph. The first error sticks: after it every method
// returns nil, and Err tells what went wrong.
type Builder struct {
	g      *gorgonia.ExprGraph
	dtype  kernels.DType
	names  map[string]bool
	params []*Param
	assign []Assignment
	scope  []string
	err    error

	differentiated bool // Gradients has been called
}

// A Param is a variable that keeps its value from step to step.
type Param struct {
	Name  string
	Node  *Node
	Shape kernels.Shape
	Init  Init
	// Fixed variables have no gradient: running statistics.
	Fixed bool
}

// Init fills a variable's initial value. The key identifies the variable, so
// that each has numbers of its own and no order of creation matters.
type Init func(value []float32, key uint64)

// An Assignment gives a Fixed variable its value for the next step.
type Assignment struct{ To, Value *Node }

// NewBuilder returns a builder of an empty float32 graph.
func NewBuilder() *Builder { return NewBuilderOf(kernels.Float32) }

// NewBuilderOf returns a builder of an empty graph of Float32 or Float64. A
// float64 graph runs through the references and serves to check.
func NewBuilderOf(t kernels.DType) *Builder {
	return &Builder{g: gorgonia.NewGraph(), dtype: t, names: map[string]bool{}}
}

// Graph returns the graph.
func (b *Builder) Graph() *gorgonia.ExprGraph { return b.g }

// DType returns the floating-point type of the graph.
func (b *Builder) DType() kernels.DType { return b.dtype }

// Err returns the first error.
func (b *Builder) Err() error { return b.err }

// Fail records an error, unless there is one already, and returns nil.
func (b *Builder) Fail(format string, args ...any) *Node {
	if b.err == nil {
		b.err = fmt.Errorf(format, args...)
	}
	return nil
}

// Params returns the variables in the order of their declaration.
func (b *Builder) Params() []*Param { return b.params }

// Trainable returns the nodes of the variables that are not Fixed.
func (b *Builder) Trainable() []*Node {
	var nodes []*Node
	for _, p := range b.params {
		if !p.Fixed {
			nodes = append(nodes, p.Node)
		}
	}
	return nodes
}

// Assignments returns what Assign recorded.
func (b *Builder) Assignments() []Assignment { return b.assign }

// In runs build with name put before the names of the variables and inputs it
// declares: In("encoder", …) makes "weight" "encoder.weight".
func (b *Builder) In(name string, build func()) {
	b.scope = append(b.scope, name)
	build()
	b.scope = b.scope[:len(b.scope)-1]
}

// Scope returns the full name of a variable or input called name here.
func (b *Builder) Scope(name string) string {
	return strings.Join(append(append([]string{}, b.scope...), name), ".")
}

// Input declares an input of the graph's floating-point type, to be fed.
func (b *Builder) Input(name string, shape ...int) *Node {
	return b.InputOf(b.dtype, name, shape...)
}

// InputOf declares an input of any element type. Gorgonia merges inputs of one
// name, so a name that is taken is an error.
func (b *Builder) InputOf(t kernels.DType, name string, shape ...int) *Node {
	if b.err != nil {
		return nil
	}
	name = b.Scope(name)
	if name == "" || b.names[name] {
		return b.Fail("graph: the name %q of an input or variable is taken", name)
	}
	for _, d := range shape {
		if d < 0 {
			return b.Fail("graph: input %q has the shape %v, want no negative axis", name, shape)
		}
	}
	if len(shape) > kernels.MaxRank {
		return b.Fail("graph: input %q has %d axes, at most %d are supported", name, len(shape), kernels.MaxRank)
	}
	b.names[name] = true
	if len(shape) == 0 {
		return gorgonia.NewScalar(b.g, dtypeOf(t), gorgonia.WithName(name))
	}
	return gorgonia.NewTensor(b.g, dtypeOf(t), len(shape), gorgonia.WithShape(shape...), gorgonia.WithName(name))
}

// Param declares a trainable variable.
func (b *Builder) Param(name string, init Init, shape ...int) *Node {
	return b.declare(&Param{Shape: shape, Init: init}, name)
}

// Variable declares a variable without gradient; Assign updates it.
func (b *Builder) Variable(name string, init Init, shape ...int) *Node {
	return b.declare(&Param{Shape: shape, Init: init, Fixed: true}, name)
}

func (b *Builder) declare(p *Param, name string) *Node {
	p.Name = b.Scope(name)
	p.Node = b.Input(name, p.Shape...)
	if b.err == nil {
		b.params = append(b.params, p)
	}
	return p.Node
}

// Assign makes value the variable's value of the next step.
func (b *Builder) Assign(variable, value *Node) {
	if b.err == nil {
		b.assign = append(b.assign, Assignment{variable, value})
	}
}

// Apply applies an operation.
func (b *Builder) Apply(s kernels.Spec, in ...*Node) *Node {
	if b.err != nil {
		return nil
	}
	o := &op{spec: s, in: make([]kernels.Operand, len(in))}
	for i, n := range in {
		if n == nil {
			return b.Fail("%s: operand %d is missing", s.Name(), i)
		}
		if n.Graph() != b.g {
			return b.Fail("%s: operand %d, %v, is of another graph", s.Name(), i, n)
		}
		var err error
		if o.in[i], err = operandOf(n); err != nil {
			return b.Fail("%s: operand %d: %w", s.Name(), i, err)
		}
	}
	var err error
	if o.out, err = kernels.Infer(s, o.in...); err != nil {
		return b.Fail("%w", err)
	}
	n, err := gorgonia.ApplyOp(o, in...)
	if err != nil {
		return b.Fail("%s: %w", s.Name(), err)
	}
	return n
}

// ShapeOf returns the shape of a node, and an empty one after an error.
func (b *Builder) ShapeOf(n *Node) kernels.Shape {
	if n == nil {
		return kernels.Shape{}
	}
	return shapeOf(n.Shape())
}

// Constant returns the constant scalar v.
func (b *Builder) Constant(v float64) *Node {
	if b.err != nil {
		return nil
	}
	if b.dtype == kernels.Float64 {
		return b.g.Constant(gorgonia.NewF64(v))
	}
	return b.g.Constant(gorgonia.NewF32(float32(v)))
}

// Gradients returns the gradients of a scalar by the nodes, which must be
// inputs, through gorgonia.Grad. All go into one call: Gorgonia allows no second
// one on the same graph. It is an error if the scalar does not depend on one of
// the nodes, or only through operations that have no gradient.
func (b *Builder) Gradients(loss *Node, by ...*Node) []*Node {
	if b.err != nil || len(by) == 0 {
		return nil
	}
	if loss == nil || slices.Contains(by, nil) {
		b.Fail("graph: gradient of %v by %v: a node is nil", loss, by)
		return nil
	}
	if b.differentiated {
		b.Fail("graph: gradient of %v: the graph has gradients already: ask for all of them in one call", loss)
		return nil
	}
	if unused := b.unused(loss, by); len(unused) > 0 {
		b.Fail("graph: the loss %v does not depend on %s, or not in a way that has a gradient", loss, strings.Join(unused, ", "))
		return nil
	}
	grads, err := gorgonia.Grad(loss, by...)
	if err != nil {
		b.Fail("graph: gradient of %v: %w", loss, err)
		return nil
	}
	b.differentiated = true
	return grads
}

// unused returns the names of the nodes that have no influence on the loss.
func (b *Builder) unused(loss *Node, by []*Node) []string {
	reached := map[*Node]bool{}
	var visit func(n *Node)
	visit = func(n *Node) {
		if reached[n] {
			return
		}
		reached[n] = true
		differentiable := []bool(nil)
		if o, ok := n.Op().(gorgonia.SDOp); ok {
			differentiable = o.DiffWRT(len(operands(b.g, n)))
		}
		for i, in := range operands(b.g, n) {
			if i < len(differentiable) && differentiable[i] {
				visit(in)
			}
		}
	}
	visit(loss)
	var names []string
	for _, n := range by {
		if !reached[n] {
			names = append(names, n.Name())
		}
	}
	return names
}

// Fn applies a function of one number to each element; a is its constant, 0 if
// it has none.
func (b *Builder) Fn(fn kernels.Fn, a float64, x *Node) *Node {
	return b.Apply(kernels.Unary{Fn: fn, A: a}, x)
}

// Fn2 applies a function of two numbers, broadcasting as NumPy does.
func (b *Builder) Fn2(fn kernels.Fn, a float64, x, y *Node) *Node {
	return b.Apply(kernels.Binary{Fn: fn, A: a}, x, y)
}

// Add returns x + y.
func (b *Builder) Add(x, y *Node) *Node { return b.Fn2(kernels.Add, 0, x, y) }

// Sub returns x − y.
func (b *Builder) Sub(x, y *Node) *Node { return b.Fn2(kernels.Sub, 0, x, y) }

// Mul returns x·y, element by element.
func (b *Builder) Mul(x, y *Node) *Node { return b.Fn2(kernels.Mul, 0, x, y) }

// Div returns x/y.
func (b *Builder) Div(x, y *Node) *Node { return b.Fn2(kernels.Div, 0, x, y) }

// Scale returns a·x.
func (b *Builder) Scale(a float64, x *Node) *Node { return b.Fn(kernels.Scale, a, x) }

// Offset returns x + a.
func (b *Builder) Offset(x *Node, a float64) *Node { return b.Fn(kernels.Offset, a, x) }

// Reshape returns x with another shape of as many elements.
func (b *Builder) Reshape(x *Node, shape ...int) *Node {
	if b.err == nil && b.ShapeOf(x).Equal(shape) {
		return x
	}
	return b.Apply(kernels.Reshape{To: kernels.DimsOf(shape...)}, x)
}

// Sum returns the sum over the axes, which are removed; without axes, over all.
func (b *Builder) Sum(x *Node, axes ...int) *Node {
	return b.Apply(kernels.Sum{Axes: b.axes(x, axes)}, x)
}

// Mean returns the mean over the axes, which are removed; without axes, over
// all.
func (b *Builder) Mean(x *Node, axes ...int) *Node {
	return b.Apply(kernels.Mean{Axes: b.axes(x, axes)}, x)
}

func (b *Builder) axes(x *Node, axes []int) kernels.Axes {
	shape := b.ShapeOf(x)
	if len(axes) == 0 {
		return kernels.AllAxes(len(shape))
	}
	for _, axis := range axes {
		if axis < 0 || axis >= len(shape) {
			b.Fail("graph: sum or mean over axes %v of %v, want axes from 0 to %d", axes, shape, len(shape)-1)
			return 0
		}
	}
	return kernels.AxesOf(axes...)
}

// tensorOf returns the tensor of a Gorgonia value, a scalar becoming one of no
// axes.
func tensorOf(v gorgonia.Value) tensor.Tensor {
	if t, ok := v.(tensor.Tensor); ok {
		return t
	}
	return tensor.New(tensor.FromScalar(v.Data()))
}
