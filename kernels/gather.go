package kernels

import (
	"fmt"
	"math"
)

// Gather picks and scales rows of a data set: (data[N …], index int32[B]) →
// [B …], row b being data[index[b]]·Scale. It cuts a batch from images that lie
// on the device.
//
// The data are uint8, from which float32 comes, or floating-point numbers,
// which keep their type. Scale is rounded to the result's type first. As a
// launch cannot fail, an index outside 0 to N−1 gives a row of NaN.
type Gather struct {
	Scale float64 // 1/255 brings stored images to [0, 1]; 0 means 1
}

// Name returns "gather".
func (Gather) Name() string { return "gather" }

// Infer returns the shape of the picked rows.
func (s Gather) Infer(in ...Shape) (Shape, error) {
	if err := arity(s, 2, in); err != nil {
		return nil, err
	}
	data, index := in[0], in[1]
	if len(data) == 0 {
		return nil, fmt.Errorf("gather: data are a scalar, want an axis of rows")
	}
	if len(index) != 1 {
		return nil, fmt.Errorf("gather: index %v, want [B]", index)
	}
	if s.Scale-s.Scale != 0 {
		return nil, fmt.Errorf("gather: scale %g, want a finite number", s.Scale)
	}
	return append(Shape{index[0]}, data[1:]...), nil
}

// InferType returns float32 for uint8, else the data's type.
func (s Gather) InferType(in ...DType) (DType, error) {
	if in[1] != Int32 {
		return 0, fmt.Errorf("gather: index is %v, want int32", in[1])
	}
	switch {
	case in[0] == Uint8:
		return Float32, nil
	case in[0].Float():
		return in[0], nil
	}
	return 0, fmt.Errorf("gather: data are %v, want uint8 or a floating-point type", in[0])
}

// Factor returns the number that every element is multiplied with.
func (s Gather) Factor() float64 {
	if s.Scale == 0 {
		return 1
	}
	return s.Scale
}

// Ref picks the rows.
func (s Gather) Ref(out Array, in ...Array) {
	data, factor := in[0], s.Factor()
	size := data.Shape[1:].Size()
	for b, row := range in[1].Data {
		to := out.Data[b*size:][:size]
		if row < 0 || row >= float64(data.Shape[0]) {
			for i := range to {
				to[i] = math.NaN()
			}
			continue
		}
		for i, v := range data.Data[int(row)*size:][:size] {
			to[i] = v * factor
		}
	}
}
