package kernels

import "fmt"

// Cast turns whole numbers, such as the counter of steps, into floating-point
// ones: int32 or uint8 → To, float32 or float64, rounded to the nearest.
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
	if !s.To.Float() {
		return 0, fmt.Errorf("cast: to %v, want a floating-point type", s.To)
	}
	if in[0].Float() {
		return 0, fmt.Errorf("cast: operand is %v, want int32 or uint8", in[0])
	}
	return s.To, nil
}

// Ref copies the elements: the array's type rounds them.
func (Cast) Ref(out Array, in ...Array) { copy(out.Data, in[0].Data) }
