package kernels

import "fmt"

// Scatter is the opposite of Gather: (data[N …], rows[B …], index int32[B]) →
// data with rows[b] in the place of row index[b]. Of several rows for one place
// the last counts. As a launch cannot fail, an index outside 0 to N−1 replaces
// nothing.
//
// It notes the losses of training steps in a table on the device. Devices look
// at all indices for every element, so it is for few rows at a time.
type Scatter struct{}

// Name returns "scatter".
func (Scatter) Name() string { return "scatter" }

// Infer returns the shape of the data.
func (s Scatter) Infer(in ...Shape) (Shape, error) {
	if err := arity(s, 3, in); err != nil {
		return nil, err
	}
	data, rows, index := in[0], in[1], in[2]
	if len(data) == 0 {
		return nil, fmt.Errorf("scatter: data are a scalar, want an axis of rows")
	}
	if len(index) != 1 {
		return nil, fmt.Errorf("scatter: index %v, want [B]", index)
	}
	if want := append(index.Clone(), data[1:]...); !rows.Equal(want) {
		return nil, fmt.Errorf("scatter: rows %v, want %v for data %v and index %v", rows, want, data, index)
	}
	return data, nil
}

// InferType returns the data's type.
func (s Scatter) InferType(in ...DType) (DType, error) {
	if !in[0].Float() || in[1] != in[0] {
		return 0, fmt.Errorf("scatter: data are %v and rows %v, want one floating-point type", in[0], in[1])
	}
	if in[2] != Int32 {
		return 0, fmt.Errorf("scatter: index is %v, want int32", in[2])
	}
	return in[0], nil
}

// Ref replaces the rows.
func (s Scatter) Ref(out Array, in ...Array) {
	data, rows := in[0], in[1]
	size := data.Shape[1:].Size()
	copy(out.Data, data.Data)
	for b, row := range in[2].Data {
		if row >= 0 && row < float64(data.Shape[0]) {
			copy(out.Data[int(row)*size:][:size], rows.Data[b*size:][:size])
		}
	}
}
