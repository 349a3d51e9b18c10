package kernels

import (
	"math"
	"testing"
)

func TestGather(t *testing.T) {
	data := Array{Shape{3, 2}, []float64{1, 2, 3, 4, 5, 6}}
	index := Array{Shape{5}, []float64{2, 0, 3, -1, 2}}
	got := apply(t, Gather{Scale: 0.5}, data, index)
	nan := math.NaN()
	for i, w := range []float64{2.5, 3, 0.5, 1, nan, nan, nan, nan, 2.5, 3} {
		if g := got.Data[i]; g != w && !(w != w && g != g) {
			t.Errorf("element %d is %v, want %v", i, g, w)
		}
	}
	if got := apply(t, Gather{}, data, Array{Shape{1}, []float64{1}}); got.Data[0] != 3 || got.Data[1] != 4 {
		t.Errorf("without a scale, row 1 is %v, want [3 4]", got.Data)
	}
}

func TestGatherTypes(t *testing.T) {
	index := Operand{Int32, Shape{4}}
	for data, want := range map[DType]DType{Uint8: Float32, Float32: Float32, Float64: Float64} {
		got, err := Infer(Gather{}, Operand{data, Shape{9, 2, 3, 1}}, index)
		if err != nil || got.DType != want || !got.Shape.Equal(Shape{4, 2, 3, 1}) {
			t.Errorf("rows of %v are %v (error %v), want %v[4 2 3 1]", data, got, err, want)
		}
	}
	for _, c := range []struct {
		s    Gather
		in   []Operand
		want string
	}{
		{Gather{}, []Operand{index}, "gather: wants 2 operands, got 1"},
		{Gather{}, []Operand{{Uint8, Shape{}}, index}, "gather: data are a scalar, want an axis of rows"},
		{Gather{}, []Operand{{Uint8, Shape{3}}, {Int32, Shape{}}}, "gather: index [], want [B]"},
		{Gather{}, []Operand{{Uint8, Shape{3}}, {Float32, Shape{4}}}, "gather: index is float32, want int32"},
		{Gather{}, []Operand{{Int32, Shape{3}}, index}, "gather: data are int32, want uint8 or a floating-point type"},
		{Gather{Scale: math.Inf(1)}, []Operand{{Uint8, Shape{3}}, index}, "gather: scale +Inf, want a finite number"},
	} {
		if _, err := Infer(c.s, c.in...); err == nil || err.Error() != c.want {
			t.Errorf("got error %v, want %s", err, c.want)
		}
	}
}
