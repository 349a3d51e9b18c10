package kernels

import (
	"fmt"
	"math/bits"
)

// Reshape gives the elements, in their order, another shape of the same number
// of elements. The operand may be of any type.
type Reshape struct{ To Dims }

// Transpose moves axis Perm[i] of the operand, of any type, to place i, as
// NumPy's transpose does.
type Transpose struct{ Perm Dims }

// Concat joins operands of one type, which may be any, along an axis. Their
// other axes must be the same.
type Concat struct{ Axis int }

// Slice takes the elements from From up to and without To along an axis. The
// operand may be of any type.
type Slice struct{ Axis, From, To int }

// Pad adds Before zeros in front of the elements along an axis and After zeros
// behind them: the adjoint of Slice.
type Pad struct{ Axis, Before, After int }

// Broadcast repeats the elements along the axes of To where the operand has one
// element or, on the left, no axis, as NumPy's broadcast_to does: the adjoint of
// Sum.
type Broadcast struct{ To Dims }

// Name returns "reshape".
func (Reshape) Name() string { return "reshape" }

// Name returns "transpose".
func (Transpose) Name() string { return "transpose" }

// Name returns "concat".
func (Concat) Name() string { return "concat" }

// Name returns "slice".
func (Slice) Name() string { return "slice" }

// Name returns "pad".
func (Pad) Name() string { return "pad" }

// Name returns "broadcast".
func (Broadcast) Name() string { return "broadcast" }

// Infer returns To.
func (s Reshape) Infer(in ...Shape) (Shape, error) {
	if err := arity(s, 1, in); err != nil {
		return nil, err
	}
	if err := s.To.check(s); err != nil {
		return nil, err
	}
	to := s.To.Shape()
	for _, d := range to {
		if d < 0 {
			return nil, fmt.Errorf("reshape: to %v, which has an axis of %d elements", to, d)
		}
	}
	if in[0].Size() != to.Size() {
		return nil, fmt.Errorf("reshape: operand %v has %d elements, want %d for %v", in[0], in[0].Size(), to.Size(), to)
	}
	return to, nil
}

// Infer returns the operand's axes in the order of Perm.
func (s Transpose) Infer(in ...Shape) (Shape, error) {
	if err := arity(s, 1, in); err != nil {
		return nil, err
	}
	if err := s.Perm.check(s); err != nil {
		return nil, err
	}
	perm, out := s.Perm.Shape(), Shape{}
	var seen uint
	for _, axis := range perm {
		if axis < 0 || axis >= len(in[0]) {
			break
		}
		seen |= 1 << axis
		out = append(out, in[0][axis])
	}
	if len(perm) != len(in[0]) || bits.OnesCount(seen) != len(perm) {
		return nil, fmt.Errorf("transpose: order %v of operand %v, want each of its %d axes once", perm, in[0], len(in[0]))
	}
	return out, nil
}

// Infer returns the operands' shape with their lengths along Axis added.
func (s Concat) Infer(in ...Shape) (Shape, error) {
	if len(in) == 0 {
		return nil, fmt.Errorf("concat: wants at least one operand")
	}
	if err := checkAxis(s, s.Axis, in[0]); err != nil {
		return nil, err
	}
	out := in[0].Clone()
	for i, next := range in[1:] {
		fits := len(next) == len(out)
		for axis := 0; fits && axis < len(out); axis++ {
			fits = axis == s.Axis || next[axis] == out[axis]
		}
		if !fits {
			return nil, fmt.Errorf("concat: operand %d %v differs from operand 0 %v in other axes than %d", i+1, next, in[0], s.Axis)
		}
		out[s.Axis] += next[s.Axis]
	}
	return out, nil
}

// Infer returns the operand's shape with To−From elements along Axis.
func (s Slice) Infer(in ...Shape) (Shape, error) {
	if err := arity(s, 1, in); err != nil {
		return nil, err
	}
	if err := checkAxis(s, s.Axis, in[0]); err != nil {
		return nil, err
	}
	if s.From < 0 || s.To < s.From || s.To > in[0][s.Axis] {
		return nil, fmt.Errorf("slice: %d up to %d of axis %d of operand %v, want bounds in order and from 0 to %d", s.From, s.To, s.Axis, in[0], in[0][s.Axis])
	}
	out := in[0].Clone()
	out[s.Axis] = s.To - s.From
	return out, nil
}

// Infer returns the operand's shape with Before+After more elements along Axis.
func (s Pad) Infer(in ...Shape) (Shape, error) {
	if err := arity(s, 1, in); err != nil {
		return nil, err
	}
	if err := checkAxis(s, s.Axis, in[0]); err != nil {
		return nil, err
	}
	if s.Before < 0 || s.After < 0 {
		return nil, fmt.Errorf("pad: %d before and %d after, want 0 or more", s.Before, s.After)
	}
	out := in[0].Clone()
	out[s.Axis] += s.Before + s.After
	return out, nil
}

// Infer returns To.
func (s Broadcast) Infer(in ...Shape) (Shape, error) {
	if err := arity(s, 1, in); err != nil {
		return nil, err
	}
	if err := s.To.check(s); err != nil {
		return nil, err
	}
	to := s.To.Shape()
	if len(in[0]) <= len(to) {
		if all, ok := broadcast(to, in[0]); ok && all.Equal(to) {
			return to, nil
		}
	}
	return nil, fmt.Errorf("broadcast: operand %v does not broadcast to %v: axes matched from the last must be equal, or 1 in the operand", in[0], to)
}

func checkAxis(s Spec, axis int, in Shape) error {
	if axis < 0 || axis >= len(in) {
		return fmt.Errorf("%s: axis %d, but operand %v has only %d", s.Name(), axis, in, len(in))
	}
	return nil
}

// InferType returns the operand's type.
func (s Reshape) InferType(in ...DType) (DType, error) { return sameType(s, in) }

// InferType returns the operand's type.
func (s Transpose) InferType(in ...DType) (DType, error) { return sameType(s, in) }

// InferType returns the operands' type, which must be one.
func (s Concat) InferType(in ...DType) (DType, error) { return sameType(s, in) }

// InferType returns the operand's type.
func (s Slice) InferType(in ...DType) (DType, error) { return sameType(s, in) }

func sameType(s Spec, in []DType) (DType, error) {
	for i, t := range in {
		if t != in[0] {
			return 0, fmt.Errorf("%s: operand %d is %v, want %v as operand 0", s.Name(), i, t, in[0])
		}
	}
	return in[0], nil
}

// Ref copies the elements.
func (Reshape) Ref(out Array, in ...Array) { copy(out.Data, in[0].Data) }

// Ref reads the operand with its strides in the order of Perm.
func (s Transpose) Ref(out Array, in ...Array) {
	own, strides := in[0].Shape.Strides(), []int{}
	for _, axis := range s.Perm.Shape() {
		strides = append(strides, own[axis])
	}
	refStrided(out, in[0], strides)
}

// Ref copies one operand after the other.
func (s Concat) Ref(out Array, in ...Array) {
	start := 0
	for _, next := range in {
		refPlace(out, next, s.Axis, start)
		start += next.Shape[s.Axis]
	}
}

// Ref copies the elements between the bounds.
func (s Slice) Ref(out Array, in ...Array) { refPlace(out, in[0], s.Axis, -s.From) }

// Ref copies the operand among zeros.
func (s Pad) Ref(out Array, in ...Array) {
	clear(out.Data)
	refPlace(out, in[0], s.Axis, s.Before)
}

// Ref reads the operand with strides of 0 along repeated axes.
func (s Broadcast) Ref(out Array, in ...Array) {
	refStrided(out, in[0], BroadcastStrides(in[0].Shape, out.Shape))
}

// refStrided reads in with the given strides for the axes of out.
func refStrided(out, in Array, strides []int) {
	index := make([]int, len(out.Shape))
	for o := range out.Data {
		at := 0
		for axis, k := range index {
			at += k * strides[axis]
		}
		out.Data[o] = in.Data[at]
		advance(index, out.Shape)
	}
}

// refPlace copies in to out, moved by start along the axis. What then lies
// outside out is left out.
func refPlace(out, in Array, axis, start int) {
	index := make([]int, len(in.Shape))
	strides := out.Shape.Strides()
	for _, x := range in.Data {
		if k := index[axis] + start; k >= 0 && k < out.Shape[axis] {
			at := start * strides[axis]
			for i, k := range index {
				at += k * strides[i]
			}
			out.Data[at] = x
		}
		advance(index, in.Shape)
	}
}
