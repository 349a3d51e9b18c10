package onnx

import (
	"fmt"
	"math"

	"hourglass/kernels"
)

// unaries are the functions of one number that are one operator.
var unaries = map[kernels.Fn]string{
	kernels.Neg: "Neg", kernels.Sqrt: "Sqrt", kernels.Reciprocal: "Reciprocal", kernels.Abs: "Abs", kernels.Sign: "Sign",
	kernels.Exp: "Exp", kernels.Log: "Log", kernels.ReLU: "Relu", kernels.Sigmoid: "Sigmoid", kernels.Tanh: "Tanh", kernels.Softplus: "Softplus",
}

// binaries are the functions of two numbers that are one operator.
var binaries = map[kernels.Fn]string{
	kernels.Add: "Add", kernels.Sub: "Sub", kernels.Mul: "Mul", kernels.Div: "Div", kernels.Max: "Max", kernels.Min: "Min", kernels.Pow: "Pow",
}

// comparisons are the functions of two numbers that are true or false.
var comparisons = map[kernels.Fn]string{
	kernels.Greater: "Greater", kernels.GreaterEqual: "GreaterOrEqual", kernels.Less: "Less", kernels.LessEqual: "LessOrEqual", kernels.Equal: "Equal",
}

// unary adds a function of one number, in the order in which the operand lies.
func (t *translation) unary(fn kernels.Fn, a float64, in, out *value) error {
	switch {
	case fn == kernels.Copy || fn == kernels.Detach:
		out.ours, out.theirs, out.source = in.ours, in.theirs, in.source
		return nil
	case in.source != nil && in.ours == "" && in.theirs == "":
		// Before the elements take another shape, so that this can be left to
		// whoever wants them.
		before := &value{shape: in.source.shape, free: in.source.free}
		out.source = before
		return t.unary(fn, a, in.source, before)
	}
	name, to := t.ours, &out.ours
	if in.image() {
		name, to = t.theirs, &out.theirs
	}
	var err error
	*to, err = t.function1(fn, a, name(in))
	return err
}

// function1 adds a function of one number and returns the name of its result.
func (t *translation) function1(fn kernels.Fn, a float64, x string) (string, error) {
	if op, ok := unaries[fn]; ok {
		return t.emit(op, []string{x}), nil
	}
	switch fn {
	case kernels.Scale:
		return t.emit("Mul", []string{x, t.number(a)}), nil
	case kernels.Offset:
		return t.emit("Add", []string{x, t.number(a)}), nil
	case kernels.Square:
		return t.emit("Mul", []string{x, x}), nil
	case kernels.ClampMin:
		return t.emit("Max", []string{x, t.number(a)}), nil
	case kernels.ClampMax:
		return t.emit("Min", []string{x, t.number(a)}), nil
	case kernels.Step:
		return t.truth(t.emit("Greater", []string{x, t.number(0)})), nil
	case kernels.LeakyReLU:
		return t.emit("LeakyRelu", []string{x}, attribute{"alpha", float32(a)}), nil
	case kernels.ELU:
		return t.emit("Elu", []string{x}, attribute{"alpha", float32(a)}), nil
	case kernels.SiLU:
		return t.emit("Mul", []string{x, t.emit("Sigmoid", []string{x})}), nil
	case kernels.GELU: // x·½(1 + erf(x/√2)); the operator Gelu came with opset 20
		erf := t.emit("Erf", []string{t.emit("Mul", []string{x, t.number(math.Sqrt2 / 2)})})
		half := t.emit("Mul", []string{x, t.number(0.5)})
		return t.emit("Mul", []string{half, t.emit("Add", []string{erf, t.number(1)})}), nil
	}
	return "", fmt.Errorf("the function %v has no translation to ONNX", fn)
}

// truth makes 1 of true and 0 of false.
func (t *translation) truth(x string) string {
	return t.emit("Cast", []string{x}, attribute{"to", typeFloat})
}

// binary adds a function of two numbers. If one operand is an image in the order
// of ONNX, so is the result.
func (t *translation) binary(fn kernels.Fn, a float64, x, y, out *value) error {
	xName, xOK := t.beside(x, y)
	yName, yOK := t.beside(y, x)
	to := &out.theirs
	if !xOK || !yOK || !x.image() && !y.image() {
		xName, yName, to = t.ours(x), t.ours(y), &out.ours
	}
	names := []string{xName, yName}
	if op, ok := binaries[fn]; ok {
		*to = t.emit(op, names)
		return nil
	}
	if op, ok := comparisons[fn]; ok {
		*to = t.truth(t.emit(op, names))
		return nil
	}
	switch fn {
	case kernels.NotEqual:
		*to = t.truth(t.emit("Not", []string{t.emit("Equal", names)}))
	case kernels.SquaredError:
		d := t.emit("Sub", names)
		*to = t.emit("Mul", []string{d, d})
	case kernels.AbsoluteError:
		*to = t.emit("Abs", []string{t.emit("Sub", names)})
	default:
		return fmt.Errorf("the function %v has no translation to ONNX", fn)
	}
	return nil
}

// beside returns the name of a value that broadcasts to an image in the order of
// ONNX; false if it cannot be had without a detour.
func (t *translation) beside(v, other *value) (string, bool) {
	switch {
	case !v.image() && !other.image():
		return "", false
	case len(v.shape) == 4:
		return t.theirs(v), true
	case len(v.shape) == 0:
		return t.ours(v), true
	case !v.constant():
		return "", false
	}
	four := append(kernels.Shape{1, 1, 1, 1}[:4-len(v.shape)], v.shape...)
	dims, data := channelsFirst(four, v.data)
	return t.initializer(v.name, dims[1:], data), true
}

// channelsFirst returns an array [N H W C] as [N C H W].
func channelsFirst(shape kernels.Shape, data []float32) ([]int, []float32) {
	return permuted(shape, data, []int{0, 3, 1, 2})
}

// permuted returns an array with its axes in another order.
func permuted(shape kernels.Shape, data []float32, order []int) ([]int, []float32) {
	own := shape.Strides()
	dims, strides := make(kernels.Shape, len(order)), make([]int, len(order))
	for i, axis := range order {
		dims[i], strides[i] = shape[axis], own[axis]
	}
	out, index := make([]float32, len(data)), make([]int, len(dims))
	at := 0
	for i := range out {
		out[i] = data[at]
		for axis := len(dims) - 1; axis >= 0; axis-- {
			index[axis]++
			at += strides[axis]
			if index[axis] < dims[axis] {
				break
			}
			at -= strides[axis] * dims[axis]
			index[axis] = 0
		}
	}
	return dims, out
}
