package onnx

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"gorgonia.org/gorgonia"

	"hourglass/graph"
	"hourglass/kernels"
)

// A translation writes the nodes of a graph as those of an ONNX graph.
//
// The graph is built twice, for batches of two sizes: an axis whose length
// differs is the batch's, and free in the file. Images are [N H W C] here and
// [N C H W] there. Each value is written in the order in which it is computed,
// and transposed once something wants the other; what depends on variables alone
// is computed here and becomes a constant.
type translation struct {
	file      file
	weights   map[string]graph.Array
	constants map[string]int // place in file.constants, by name
	values    map[*graph.Node]*value
	twins     map[*graph.Node]*graph.Node // the same node for the other batch
	consumers map[*graph.Node]int
	count     int // of names given
}

// The sizes of the batches. Both are above 1, which would let an axis vanish.
const (
	batch      = 2
	otherBatch = 3
)

// value is a node's result.
type value struct {
	shape kernels.Shape
	free  []bool // the axes that are the batch's
	// Where it is in the file: its elements in our order, or, of an image, with
	// its axes in another. "" until it is needed.
	ours, theirs string
	order        order
	data         []float32 // of a constant, in our order
	name         string    // of a constant
	source       *value    // whose elements it is, in another shape
}

func (v *value) constant() bool { return v.data != nil }

// order is the axes of an array of ours as they follow one another in the file.
type order [4]int

var (
	channelsFirst = order{0, 3, 1, 2} // [N H W C] as [N C H W]
	groupsFirst   = order{0, 2, 3, 1} // the groups of channels [N H·W G C/G] as [N G C/G H·W], the same elements
)

// image reports whether the value lies in another order in the file.
func (v *value) image() bool { return v.theirs != "" }

// alike reports whether the elements come in the same order with the axes so.
func (o order) alike(shape kernels.Shape) bool {
	last := -1
	for _, axis := range o {
		if shape[axis] == 1 {
			continue
		}
		if axis < last {
			return false
		}
		last = axis
	}
	return true
}

// place returns where an axis comes.
func (o order) place(axis int) int { return slices.Index(o[:], axis) }

// function translates the whole graph of f.
func (t *translation) function(f Function) error {
	build := func(n int) (in, out *graph.Node, err error) {
		b := graph.NewBuilder()
		in = b.Input(f.Input, append(kernels.Shape{n}, f.In...)...)
		out = f.Build(b, in)
		return in, out, b.Err()
	}
	in, out, err := build(batch)
	if err != nil {
		return err
	}
	_, other, err := build(otherBatch)
	if err != nil {
		return err
	}
	t.twins, t.consumers = map[*graph.Node]*graph.Node{}, map[*graph.Node]int{}
	if err := t.pair(out, other); err != nil {
		return err
	}
	input := t.newValue(in)
	t.values[in] = input
	if len(f.In) == 3 {
		input.theirs, input.order = f.Input, channelsFirst
	} else {
		input.ours = f.Input
	}
	result, err := t.value(out)
	if err != nil {
		return err
	}
	t.file.input = t.port(f.Input, input)
	return t.finish(f.Output, result)
}

// finish makes a value the output of the file.
func (t *translation) finish(name string, v *value) error {
	if v.constant() {
		return errors.New("the output does not depend on the input")
	}
	last := ""
	if len(v.shape) == 4 {
		last = t.ordered(v, channelsFirst)
	} else {
		last = t.ours(v)
	}
	if last == t.file.input.name {
		last = t.emit("Identity", []string{last})
	}
	for i := range t.file.nodes {
		n := &t.file.nodes[i]
		for j, in := range n.in {
			if in == last {
				n.in[j] = name
			}
		}
		if n.out == last {
			n.out = name
		}
	}
	t.file.output = t.port(name, v)
	return nil
}

// port describes an input or output.
func (t *translation) port(name string, v *value) port {
	p := port{name: name, doc: "float32", dims: v.shape, axes: make([]string, len(v.shape))}
	axes := []int{0, 1, 2, 3, 4, 5}[:len(v.shape)]
	if len(v.shape) == 4 {
		p.doc = "images [N C H W], float32, values in [0, 1]"
		axes = channelsFirst[:]
		p.dims = make([]int, 4)
	}
	for i, axis := range axes {
		p.dims[i] = v.shape[axis]
		switch {
		case v.free[axis] && v.shape[axis] == batch:
			p.axes[i] = "N"
		case v.free[axis]:
			p.axes[i] = fmt.Sprintf("N*%d", v.shape[axis]/batch)
		}
	}
	return p
}

// pair walks through both graphs and notes which nodes are the same.
func (t *translation) pair(n, other *graph.Node) error {
	if n == nil || other == nil {
		return errors.New("the output is nil")
	}
	t.consumers[n]++
	if known, ok := t.twins[n]; ok {
		if known != other {
			return fmt.Errorf("%v: the graph has another form for batches of %d than of %d", n, otherBatch, batch)
		}
		return nil
	}
	t.twins[n] = other
	in, twin := operands(n), operands(other)
	if len(in) != len(twin) || len(n.Shape()) != len(other.Shape()) {
		return fmt.Errorf("%v: the graph has another form for batches of %d than of %d", n, otherBatch, batch)
	}
	if err := alikeSpecs(n, other); err != nil {
		return err
	}
	for i := range in {
		if err := t.pair(in[i], twin[i]); err != nil {
			return err
		}
	}
	return nil
}

// alikeSpecs returns an error for an operation with an option that depends on the
// size of the batch: a factor 1/N. Shapes may.
func alikeSpecs(n, other *graph.Node) error {
	spec, _ := graph.SpecOf(n)
	twin, _ := graph.SpecOf(other)
	switch spec.(type) {
	case kernels.Reshape, kernels.Broadcast:
		return nil
	}
	if spec != twin {
		return fmt.Errorf("%s: %+v in batches of %d and %+v in those of %d: an option that depends on the size of the batch has no translation",
			spec.Name(), spec, batch, twin, otherBatch)
	}
	return nil
}

// operands returns the nodes that n is computed from, in order.
func operands(n *graph.Node) []*graph.Node {
	var in []*graph.Node
	for it := n.Graph().From(n.ID()); it.Next(); {
		in = append(in, it.Node().(*graph.Node))
	}
	return in
}

// newValue returns the value of a node, which is nowhere yet.
func (t *translation) newValue(n *graph.Node) *value {
	v := &value{shape: kernels.Shape(n.Shape()).Clone()}
	other, ok := t.twins[n]
	for axis, length := range v.shape {
		v.free = append(v.free, ok && other.Shape()[axis] != length)
	}
	return v
}

// value returns the value of a node, translated when first asked for.
func (t *translation) value(n *graph.Node) (*value, error) {
	if v, ok := t.values[n]; ok {
		return v, nil
	}
	v, err := t.translate(n)
	if err != nil {
		return nil, err
	}
	t.values[n] = v
	return v, nil
}

// translate adds a node, and those that it is computed from.
func (t *translation) translate(n *graph.Node) (*value, error) {
	if n.Op() == nil {
		return t.variable(n)
	}
	if c, ok := n.Op().(interface{ Value() gorgonia.Value }); ok {
		return t.scalar(n, c.Value())
	}
	spec, ok := graph.SpecOf(n)
	if !ok {
		return nil, fmt.Errorf("%v is an operation of Gorgonia's own, which has no translation: use the operations of package kernels", n)
	}
	if v, err := t.product(n, spec); v != nil || err != nil {
		return v, err
	}
	var in []*value
	for _, x := range operands(n) {
		v, err := t.value(x)
		if err != nil {
			return nil, err
		}
		in = append(in, v)
	}
	out := t.newValue(n)
	if fold(spec, in, out) {
		return out, nil
	}
	if err := t.operation(spec, in, out); err != nil {
		return nil, fmt.Errorf("%s: %w", spec.Name(), err)
	}
	return out, nil
}

// variable returns the value of a leaf.
func (t *translation) variable(n *graph.Node) (*value, error) {
	v := t.newValue(n)
	a, ok := t.weights[n.Name()]
	if !ok {
		return nil, fmt.Errorf("there is no value for the variable %s %v", n.Name(), v.shape)
	}
	if !a.Shape.Equal(v.shape) || len(a.Data) != v.shape.Size() {
		return nil, fmt.Errorf("the value of %s has shape %v, want %v", n.Name(), a.Shape, v.shape)
	}
	v.data, v.name = a.Data, a.Name
	return v, nil
}

// scalar returns a constant of the graph.
func (t *translation) scalar(n *graph.Node, c gorgonia.Value) (*value, error) {
	v := t.newValue(n)
	switch x := c.Data().(type) {
	case float32:
		v.data = []float32{x}
	case float64:
		v.data = []float32{float32(x)}
	default:
		return nil, fmt.Errorf("constant %v of type %T, want a floating-point number", c, x)
	}
	v.name = "constant"
	return v, nil
}

// folded ends the name of a constant that is computed from the one of that name.
const folded = ".folded"

// fold computes an operation of constants by its reference, rounded to float32.
func fold(spec kernels.Spec, in []*value, out *value) bool {
	var arrays []kernels.Array
	for _, v := range in {
		if !v.constant() {
			return false
		}
		arrays = append(arrays, kernels.Array{Shape: v.shape, Data: widen(v.data)})
		if out.name == "" {
			out.name = strings.TrimSuffix(v.name, folded) + folded
		}
	}
	if len(in) == 0 || slices.Contains(out.free, true) {
		return false
	}
	result := kernels.NewArray(out.shape)
	spec.Ref(result, arrays...)
	out.data = make([]float32, len(result.Data))
	for i, x := range result.Data {
		out.data[i] = float32(x)
	}
	return true
}

func widen(data []float32) []float64 {
	out := make([]float64, len(data))
	for i, v := range data {
		out[i] = float64(v)
	}
	return out
}

// emit adds an operator and returns the name of its result.
func (t *translation) emit(op string, in []string, attributes ...attribute) string {
	t.count++
	out := fmt.Sprintf("%s.%d", strings.ToLower(op), t.count)
	t.file.nodes = append(t.file.nodes, node{op: op, in: in, out: out, attributes: attributes})
	return out
}

// ours returns the name of a value with its elements in our order.
func (t *translation) ours(v *value) string {
	switch {
	case v.ours != "":
	case v.constant():
		v.ours = t.initializer(v.name, v.shape, v.data)
	case v.source != nil:
		v.ours = t.emit("Reshape", []string{t.flat(v.source), t.dims(v.shape, v.free)})
	case v.order.alike(v.shape):
		v.ours = t.emit("Reshape", []string{v.theirs, t.dims(v.shape, v.free)})
	default:
		back := make([]int, len(v.order))
		for i, axis := range v.order {
			back[axis] = i
		}
		v.ours = t.emit("Transpose", []string{v.theirs}, attribute{"perm", back})
	}
	return v.ours
}

// ordered returns the name of a value of four axes with these in an order.
func (t *translation) ordered(v *value, o order) string {
	if v.theirs != "" && v.order == o {
		return v.theirs
	}
	var name string
	switch {
	case v.constant():
		dims, data := permuted(v.shape, v.data, o[:])
		name = t.initializer(v.name, dims, data)
	case o.alike(v.shape):
		name = t.emit("Reshape", []string{t.flat(v), t.orderedDims(v, o)})
	default:
		name = t.emit("Transpose", []string{t.ours(v)}, attribute{"perm", o[:]})
	}
	if v.theirs == "" {
		v.theirs, v.order = name, o
	}
	return name
}

// flat returns the name of a value whose elements are in our order, in whatever
// shape.
func (t *translation) flat(v *value) string {
	switch {
	case v.ours == "" && v.source != nil:
		return t.flat(v.source)
	case v.ours == "" && v.theirs != "" && v.order.alike(v.shape):
		return v.theirs
	}
	return t.ours(v)
}

// orderedDims returns the name of the shape of a value with its axes in an order.
func (t *translation) orderedDims(v *value, o order) string {
	shape, free := make(kernels.Shape, len(o)), make([]bool, len(o))
	for i, axis := range o {
		shape[i], free[i] = v.shape[axis], v.free[axis]
	}
	return t.dims(shape, free)
}

// dims returns the name of a constant that tells a Reshape its shape. One axis
// may be free.
func (t *translation) dims(shape kernels.Shape, free []bool) string {
	dims := make([]int64, len(shape))
	for i, d := range shape {
		dims[i] = int64(d)
		if free[i] {
			dims[i] = -1
		}
	}
	return t.numbers("shape", dims)
}

// numbers returns the name of a list of whole numbers.
func (t *translation) numbers(kind string, v []int64) string {
	name := kind
	for _, d := range v {
		name += fmt.Sprintf(".%d", d)
	}
	return t.add(tensor{name: name, dims: []int{len(v)}, ints: v})
}

// initializer returns the name of a constant, which is the given one unless that
// is taken by another.
func (t *translation) initializer(name string, dims []int, data []float32) string {
	return t.add(tensor{name: name, dims: dims, floats: data})
}

// number returns the name of a scalar.
func (t *translation) number(v float64) string {
	return t.initializer(fmt.Sprintf("constant.%g", v), nil, []float32{float32(v)})
}

// add adds a constant unless it is there.
func (t *translation) add(c tensor) string {
	base := c.name
	for i := 1; ; i++ {
		at, taken := t.constants[c.name]
		if !taken {
			t.constants[c.name] = len(t.file.constants)
			t.file.constants = append(t.file.constants, c)
			return c.name
		}
		if known := t.file.constants[at]; slices.Equal(known.dims, c.dims) && slices.Equal(known.floats, c.floats) && slices.Equal(known.ints, c.ints) {
			return c.name
		}
		c.name = fmt.Sprintf("%s.%d", base, i)
	}
}
