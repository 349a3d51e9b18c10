package graph

import (
	"fmt"
	"hash"
	"hash/fnv"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"hourglass/kernels"
)

// op is a Spec as Gorgonia sees it: a gorgonia.Op that runs through the Spec's
// reference, and a gorgonia.SDOp whose gradients are the rules of rules.go. So
// a graph of Specs runs on Gorgonia's TapeMachine as it stands, and
// gorgonia.Grad differentiates it.
type op struct {
	spec kernels.Spec
	in   []kernels.Operand
	out  kernels.Operand
}

// SpecOf returns the Spec that a node of the graph applies, and false for
// inputs, constants and operations of Gorgonia's own.
func SpecOf(n *gorgonia.Node) (kernels.Spec, bool) {
	if o, ok := n.Op().(*op); ok {
		return o.spec, true
	}
	return nil, false
}

// Arity returns the number of operands.
func (o *op) Arity() int { return len(o.in) }

// Type is built afresh at each call, because Gorgonia returns it to a pool.
func (o *op) Type() hm.Type {
	_, typed := o.spec.(kernels.Typed)
	typeOf := func(a kernels.Operand) hm.Type {
		var elem hm.Type = hm.TypeVariable('a')
		if typed {
			elem = dtypeOf(a.DType)
		}
		if len(a.Shape) == 0 {
			return elem
		}
		return gorgonia.TensorType{Dims: len(a.Shape), Of: elem}
	}
	types := make([]hm.Type, 0, len(o.in)+1)
	for _, a := range o.in {
		types = append(types, typeOf(a))
	}
	return hm.NewFnType(append(types, typeOf(o.out))...)
}

// InferShape returns the shape by the Spec's own rule.
func (o *op) InferShape(in ...gorgonia.DimSizer) (tensor.Shape, error) {
	shapes := make([]kernels.Shape, len(in))
	for i, d := range in {
		s, ok := d.(tensor.Shape)
		if !ok {
			return nil, fmt.Errorf("%s: operand %d has no known shape", o.spec.Name(), i)
		}
		shapes[i] = shapeOf(s)
	}
	out, err := o.spec.Infer(shapes...)
	return tensor.Shape(out), err
}

// Do computes the result by the Spec's reference.
func (o *op) Do(values ...gorgonia.Value) (gorgonia.Value, error) {
	in := make([]kernels.Array, len(values))
	for i, v := range values {
		a, err := arrayOf(v)
		if err != nil {
			return nil, fmt.Errorf("%s: operand %d: %w", o.spec.Name(), i, err)
		}
		if want := o.in[i].Shape; !a.Shape.Equal(want) {
			return nil, fmt.Errorf("%s: operand %d is %v, want %v", o.spec.Name(), i, a.Shape, want)
		}
		in[i] = a
	}
	out := kernels.NewArray(o.out.Shape)
	o.spec.Ref(out, in...)
	return valueOf(out, o.out.DType), nil
}

// ReturnsPtr reports that the result is no copy of an operand.
func (o *op) ReturnsPtr() bool { return false }

// CallsExtern reports that no foreign code is called.
func (o *op) CallsExtern() bool { return false }

// OverwritesInput reports that operands stay as they are.
func (o *op) OverwritesInput() int { return -1 }

// WriteHash writes what distinguishes the operation: Gorgonia merges nodes of
// equal hash and operands.
func (o *op) WriteHash(h hash.Hash) { fmt.Fprintf(h, "%T%+v%v%v", o.spec, o.spec, o.in, o.out) }

// Hashcode returns the hash of what WriteHash writes.
func (o *op) Hashcode() uint32 {
	h := fnv.New32a()
	o.WriteHash(h)
	return h.Sum32()
}

// String returns the Spec's name and options.
func (o *op) String() string { return describe(o.spec) }

// DiffWRT reports by which operands the operation has a gradient.
func (o *op) DiffWRT(inputs int) []bool { return differentiable(o.spec, inputs) }

// SymDiff returns the gradient by each operand, nil where there is none.
func (o *op) SymDiff(inputs gorgonia.Nodes, output, grad *gorgonia.Node) (gorgonia.Nodes, error) {
	b := &Builder{g: output.Graph()}
	grads := gradients(b, o.spec, inputs, output, grad)
	return grads, b.err
}

// dtypes pairs the element types of both worlds.
var dtypes = [...]struct {
	ours   kernels.DType
	theirs tensor.Dtype
}{
	{kernels.Float32, tensor.Float32},
	{kernels.Float64, tensor.Float64},
	{kernels.Int32, tensor.Int32},
	{kernels.Uint8, tensor.Uint8},
}

func dtypeOf(t kernels.DType) tensor.Dtype {
	for _, p := range dtypes {
		if p.ours == t {
			return p.theirs
		}
	}
	panic(fmt.Sprintf("graph: no Gorgonia type for %v", t))
}

// operandOf returns the type and shape of a node.
func operandOf(n *gorgonia.Node) (kernels.Operand, error) {
	var t hm.Type = n.Type()
	if tt, ok := t.(gorgonia.TensorType); ok {
		t = tt.Of
	}
	for _, p := range dtypes {
		if t == hm.Type(p.theirs) {
			return kernels.Operand{DType: p.ours, Shape: shapeOf(n.Shape())}, nil
		}
	}
	return kernels.Operand{}, fmt.Errorf("%v has elements of type %v, want float32, float64, int32 or uint8", n, t)
}

func shapeOf(s tensor.Shape) kernels.Shape { return append(kernels.Shape{}, s...) }

// arrayOf widens a Gorgonia value to float64.
func arrayOf(v gorgonia.Value) (kernels.Array, error) {
	a := kernels.NewArray(shapeOf(v.Shape()))
	if len(a.Data) == 0 {
		return a, nil // Data panics
	}
	data := v.Data()
	if t, ok := v.(tensor.Tensor); ok && t.RequiresIterator() {
		data = t.(tensor.View).Materialize().Data()
	}
	switch d := data.(type) {
	case []float32:
		widen(a.Data, d)
	case []float64:
		widen(a.Data, d)
	case []int32:
		widen(a.Data, d)
	case []uint8:
		widen(a.Data, d)
	case float32:
		a.Data[0] = float64(d)
	case float64:
		a.Data[0] = d
	case int32:
		a.Data[0] = float64(d)
	case uint8:
		a.Data[0] = float64(d)
	default:
		return a, fmt.Errorf("elements of type %T, want float32, float64, int32 or uint8", data)
	}
	return a, nil
}

func widen[T float32 | float64 | int32 | uint8](to []float64, from []T) {
	for i := range to {
		to[i] = float64(from[i])
	}
}

// valueOf narrows an array to a Gorgonia value of the given type.
func valueOf(a kernels.Array, t kernels.DType) gorgonia.Value {
	if len(a.Shape) == 0 {
		return scalarOf(a.Data[0], t)
	}
	var backing any
	switch t {
	case kernels.Float32:
		backing = narrow[float32](a.Data)
	case kernels.Float64:
		backing = a.Data
	case kernels.Int32:
		backing = narrow[int32](a.Data)
	case kernels.Uint8:
		backing = narrow[uint8](a.Data)
	}
	return tensor.New(tensor.WithShape(a.Shape...), tensor.WithBacking(backing))
}

func scalarOf(x float64, t kernels.DType) gorgonia.Value {
	switch t {
	case kernels.Float32:
		return gorgonia.NewF32(float32(x))
	case kernels.Int32:
		return gorgonia.NewI32(int32(x))
	case kernels.Uint8:
		return gorgonia.NewU8(uint8(x))
	}
	return gorgonia.NewF64(x)
}

func narrow[T float32 | int32 | uint8](from []float64) []T {
	to := make([]T, len(from))
	for i, v := range from {
		to[i] = T(v)
	}
	return to
}
