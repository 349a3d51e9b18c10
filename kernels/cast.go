package kernels

import (
	"fmt"
	"math"
)

// Cast turns numbers of any type into float32, float64 or int32: whole numbers,
// such as the counter of steps, into floating-point ones, rounded to the
// nearest, and those into indices. They are cut towards 0; beyond the bounds of
// int32 the bound is taken, and NaN becomes 0.
type Cast struct{ To DType }

// Name returns "cast".
func (Cast) Name() string { return "cast" }

// Infer returns the operand's shape.
func (s Cast) Infer(in ...Shape) (Shape, error) {
	if err := arity(s, 1, in); err != nil {
		return nil, err
	}
	return in[0], nil
}

// InferType returns To.
func (s Cast) InferType(in ...DType) (DType, error) {
	if !s.To.Float() && s.To != Int32 {
		return 0, fmt.Errorf("cast: to %v, want a floating-point type or int32", s.To)
	}
	return s.To, nil
}

// Ref converts to int32. What is left is rounded by the type of the array.
func (s Cast) Ref(out Array, in ...Array) {
	copy(out.Data, in[0].Data)
	if s.To != Int32 {
		return
	}
	for i, v := range out.Data {
		if v != v {
			v = 0
		}
		out.Data[i] = math.Trunc(math.Min(math.Max(v, math.MinInt32), math.MaxInt32))
	}
}
