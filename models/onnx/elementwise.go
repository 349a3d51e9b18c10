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
		out.ours, out.theirs, out.order, out.source = in.ours, in.theirs, in.order, in.source
		return nil
	case in.source != nil && in.ours == "" && in.theirs == "":
		// Before the elements take another shape, so that this can be left to
		// whoever wants them.
		before := &value{shape: in.source.shape, free: in.source.free}
		out.source = before
		return t.unary(fn, a, in.source, before)
	}
	var err error
	if in.image() {
		out.order = in.order
		out.theirs, err = t.function1(fn, a, in.theirs)
	} else {
		out.ours, err = t.function1(fn, a, t.ours(in))
	}
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

// binary adds a function of two numbers. If an operand is an image in an order of
// the file, so is the result.
func (t *translation) binary(fn kernels.Fn, a float64, x, y, out *value) error {
	image := x
	if !image.image() {
		image = y
	}
	to := &out.ours
	var xName, yName string
	if image.image() && beside(x) && beside(y) {
		out.order, to = image.order, &out.theirs
		xName, yName = t.beside(x, out.order), t.beside(y, out.order)
	} else {
		xName, yName = t.ours(x), t.ours(y)
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

// beside reports whether a value can be had so that it broadcasts to an image in
// an order of the file.
func beside(v *value) bool { return len(v.shape) == 4 || len(v.shape) == 0 || v.constant() }

// beside returns the name of a value that broadcasts to an image in an order.
func (t *translation) beside(v *value, o order) string {
	switch len(v.shape) {
	case 4:
		return t.ordered(v, o)
	case 0:
		return t.ours(v)
	}
	four := append(kernels.Shape{1, 1, 1, 1}[:4-len(v.shape)], v.shape...)
	dims, data := permuted(four, v.data, o[:])
	return t.initializer(v.name, dims[1:], data)
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
