package kernelstest

import "hourglass/kernels"

// typed returns one operand of the type.
func typed(t kernels.DType, shapes ...kernels.Shape) []kernels.Operand {
	in := F32(shapes...)
	for i := range in {
		in[i].DType = t
	}
	return in
}

func shapeCases() []Case {
	var cases []Case
	for _, t := range []kernels.DType{kernels.Float32, kernels.Int32, kernels.Uint8} {
		c := Case{Exact: true, NoGrad: t != kernels.Float32}
		if t == kernels.Uint8 {
			c.Fill = []Fill{Integers(256), Integers(256)}
		}
		for _, s := range []kernels.Shape{{3, 8, 5}, {24, 5, 1}, {120}} {
			c.Spec, c.In = kernels.Reshape{To: kernels.DimsOf(s...)}, typed(t, kernels.Shape{4, 6, 5})
			cases = append(cases, c)
		}
		for _, try := range transposes {
			c.Spec, c.In = kernels.Transpose{Perm: kernels.DimsOf(try.perm...)}, typed(t, try.shape)
			cases = append(cases, c)
		}
		for _, try := range joins {
			c.Spec, c.In = kernels.Concat{Axis: try.axis}, typed(t, try.shapes...)
			cases = append(cases, c)
		}
		for _, try := range cuts {
			c.Spec, c.In = try.slice, typed(t, try.shape)
			cases = append(cases, c)
		}
	}
	return append(cases, padCases()...)
}

var transposes = []struct {
	shape kernels.Shape
	perm  []int
}{
	{kernels.Shape{}, nil},
	{kernels.Shape{7}, []int{0}},
	{kernels.Shape{5, 7}, []int{0, 1}},
	{kernels.Shape{37, 70}, []int{1, 0}},
	{kernels.Shape{1, 9}, []int{1, 0}},
	{kernels.Shape{0, 3}, []int{1, 0}},
	{kernels.Shape{2, 5, 6, 3}, []int{0, 3, 1, 2}}, // NHWC to NCHW
	{kernels.Shape{2, 3, 5, 6}, []int{0, 2, 3, 1}}, // and back
	{kernels.Shape{3, 3, 4, 5}, []int{3, 2, 0, 1}}, // HWIO to OIHW
	{kernels.Shape{3, 4, 5}, []int{1, 0, 2}},       // rows stay whole
	{kernels.Shape{3, 4, 5}, []int{2, 1, 0}},
	{kernels.Shape{2, 3, 2, 4, 3, 2}, []int{5, 3, 1, 0, 4, 2}},
	{kernels.Shape{300, 201}, []int{1, 0}},
}

var joins = []struct {
	axis   int
	shapes []kernels.Shape
}{
	{0, []kernels.Shape{{3}}},
	{0, []kernels.Shape{{3, 4}, {2, 4}}},
	{1, []kernels.Shape{{3, 4}, {3, 1}, {3, 6}}},
	{1, []kernels.Shape{{3, 4}, {3, 0}, {3, 4}}},
	{2, []kernels.Shape{{2, 3, 5}, {2, 3, 7}}},
	{3, []kernels.Shape{{2, 14, 14, 32}, {2, 14, 14, 64}}},
	{0, []kernels.Shape{{20001}, {50001}}},
}

var cuts = []struct {
	shape kernels.Shape
	slice kernels.Slice
}{
	{kernels.Shape{9}, kernels.Slice{Axis: 0, From: 0, To: 9}},
	{kernels.Shape{9}, kernels.Slice{Axis: 0, From: 4, To: 4}},
	{kernels.Shape{9, 3}, kernels.Slice{Axis: 0, From: 2, To: 7}},
	{kernels.Shape{9, 5}, kernels.Slice{Axis: 1, From: 4, To: 5}},
	{kernels.Shape{3, 6, 5}, kernels.Slice{Axis: 1, From: 1, To: 4}},
	{kernels.Shape{2, 14, 14, 96}, kernels.Slice{Axis: 3, From: 32, To: 96}},
	{kernels.Shape{70003}, kernels.Slice{Axis: 0, From: 1, To: 70002}},
}

// padCases are the operations on floating-point operands only.
func padCases() []Case {
	var cases []Case
	for _, p := range []struct {
		shape kernels.Shape
		pad   kernels.Pad
	}{
		{kernels.Shape{5}, kernels.Pad{}},
		{kernels.Shape{5}, kernels.Pad{Before: 2, After: 3}},
		{kernels.Shape{0, 3}, kernels.Pad{Before: 1, After: 1}},
		{kernels.Shape{3, 4}, kernels.Pad{Axis: 1, Before: 1}},
		{kernels.Shape{3, 4, 2}, kernels.Pad{Axis: 1, After: 2}},
		{kernels.Shape{2, 14, 14, 64}, kernels.Pad{Axis: 3, Before: 32}},
	} {
		cases = append(cases, Case{Spec: p.pad, In: F32(p.shape), Exact: true})
	}
	for _, b := range []struct{ from, to kernels.Shape }{
		{kernels.Shape{}, kernels.Shape{}},
		{kernels.Shape{}, kernels.Shape{7}},
		{kernels.Shape{}, kernels.Shape{3, 0}},
		{kernels.Shape{1, 1}, kernels.Shape{5, 6}},
		{kernels.Shape{5}, kernels.Shape{4, 5}},
		{kernels.Shape{4, 1}, kernels.Shape{4, 5}},
		{kernels.Shape{4, 5}, kernels.Shape{4, 5}},
		{kernels.Shape{3, 1, 5}, kernels.Shape{2, 3, 4, 5}},
		{kernels.Shape{2, 1, 4, 1}, kernels.Shape{2, 3, 4, 5}},
		{kernels.Shape{1, 3, 1, 2, 1, 2}, kernels.Shape{2, 3, 2, 2, 3, 2}},
		{kernels.Shape{32}, kernels.Shape{40, 33, 32}},
		{kernels.Shape{40, 1}, kernels.Shape{40, 1000}},
	} {
		cases = append(cases, Case{Spec: kernels.Broadcast{To: kernels.DimsOf(b.to...)}, In: F32(b.from), Exact: true})
	}
	return cases
}
