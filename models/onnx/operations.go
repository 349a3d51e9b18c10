package onnx

import (
	"fmt"
	"slices"

	"hourglass/graph"
	"hourglass/kernels"
)

// operation adds what computes out of in. Convolutions and products of matrices
// are product's.
func (t *translation) operation(s kernels.Spec, in []*value, out *value) error {
	switch s := s.(type) {
	case kernels.Unary:
		return t.unary(s.Fn, s.A, in[0], out)
	case kernels.Binary:
		return t.binary(s.Fn, s.A, in[0], in[1], out)
	case kernels.Reshape:
		return t.reshape(in[0], out)
	case kernels.Transpose:
		out.ours = t.emit("Transpose", []string{t.ours(in[0])}, attribute{"perm", []int(s.Perm.Shape())})
	case kernels.Slice:
		return t.slice(s, in[0], out)
	case kernels.Concat:
		t.concat(s, in, out)
	case kernels.Pad:
		t.pad(s, in[0], out)
	case kernels.Broadcast:
		return t.broadcast(in[0], out)
	case kernels.Sum:
		out.ours = t.emit("ReduceSum", []string{t.ours(in[0]), t.numbers("axes", int64s(axesOf(s.Axes)))}, attribute{"keepdims", 0})
	case kernels.Mean:
		out.ours = t.reduce("ReduceMean", t.ours(in[0]), axesOf(s.Axes), 0)
	case kernels.LogSumExp:
		out.ours = t.reduce("ReduceLogSumExp", t.ours(in[0]), axesOf(s.Axes), 0)
	case kernels.Moments:
		t.moments(s, in[0], out)
	case kernels.OneHotMax:
		t.oneHotMax(in[0], out)
	case kernels.MaxPool2D:
		g, err := s.Geometry(in[0].shape)
		if err != nil {
			return err
		}
		out.theirs, out.order = t.emit("MaxPool", []string{t.ordered(in[0], channelsFirst)}, windows(g)...), channelsFirst
	case kernels.AvgPool2D:
		g, err := s.Geometry(in[0].shape)
		if err != nil {
			return err
		}
		count := 0
		if s.CountPad {
			count = 1
		}
		options := append(windows(g), attribute{"count_include_pad", count})
		out.theirs, out.order = t.emit("AveragePool", []string{t.ordered(in[0], channelsFirst)}, options...), channelsFirst
	case kernels.Upsample2D:
		t.upsample(s, in[0], out)
	default:
		return fmt.Errorf("the operation %T has no translation to ONNX", s)
	}
	return nil
}

// product translates convolutions and products of matrices, and those with a
// bias added, which ONNX computes in one. It returns nil for another node.
func (t *translation) product(n *graph.Node, spec kernels.Spec) (*value, error) {
	if add, ok := spec.(kernels.Binary); ok && add.Fn == kernels.Add {
		in := operands(n)
		inner, ok := graph.SpecOf(in[0])
		if !ok || t.consumers[in[0]] > 1 {
			return nil, nil
		}
		if bias, ok := t.weights[in[1].Name()]; ok && in[1].Op() == nil && len(bias.Shape) == 1 && bias.Shape[0] == in[0].Shape()[len(in[0].Shape())-1] {
			b, err := t.variable(in[1])
			if err != nil {
				return nil, err
			}
			return t.multiply(in[0], inner, b)
		}
		return nil, nil
	}
	return t.multiply(n, spec, nil)
}

// multiply translates a convolution or a product of matrices with a bias, unless
// that is nil.
func (t *translation) multiply(n *graph.Node, spec kernels.Spec, bias *value) (*value, error) {
	var epilogue kernels.Epilogue
	switch s := spec.(type) {
	case kernels.Conv2D:
		epilogue = s.Epilogue
	case kernels.Conv2DInputGrad:
		epilogue = s.Epilogue
	case kernels.MatMul:
		epilogue = s.Epilogue
	default:
		return nil, nil
	}
	if epilogue != (kernels.Epilogue{}) {
		return nil, fmt.Errorf("%s: an epilogue of %+v has no translation: apply bias and activation as operations of their own", spec.Name(), epilogue)
	}
	var in []*value
	for _, x := range operands(n) {
		v, err := t.value(x)
		if err != nil {
			return nil, err
		}
		in = append(in, v)
	}
	if in[0].constant() && in[1].constant() {
		return nil, nil
	}
	out := t.newValue(n)
	if s, ok := spec.(kernels.MatMul); ok {
		t.matMul(s, in, bias, out)
		return out, nil
	}
	return out, t.convolution(spec, in, bias, out)
}

// matMul adds a Gemm.
func (t *translation) matMul(s kernels.MatMul, in []*value, bias *value, out *value) {
	names := []string{t.ours(in[0]), t.ours(in[1])}
	if bias != nil {
		names = append(names, t.ours(bias))
	}
	var options []attribute
	if s.TransA {
		options = append(options, attribute{"transA", 1})
	}
	if s.TransB {
		options = append(options, attribute{"transB", 1})
	}
	out.ours = t.emit("Gemm", names, options...)
}

// convolution adds a Conv or ConvTranspose.
func (t *translation) convolution(spec kernels.Spec, in []*value, bias, out *value) error {
	if !in[1].constant() {
		return fmt.Errorf("%s: a filter that is computed has no translation", spec.Name())
	}
	// HWIO becomes OIHW, and so the filter of a transposed convolution, whose O
	// is the channels that come in, what ONNX wants of that.
	dims, data := permuted(in[1].shape, in[1].data, []int{3, 2, 0, 1})
	names := []string{t.ordered(in[0], channelsFirst), t.initializer(in[1].name, dims, data)}
	out.order = channelsFirst
	if bias != nil {
		names = append(names, t.ours(bias))
	}
	if s, ok := spec.(kernels.Conv2D); ok {
		g, err := s.Geometry(in[0].shape, in[1].shape)
		if err != nil {
			return err
		}
		pads := []int{g.Top, g.Left, behind(g.OH, g.SH, g.KH, g.H, g.Top), behind(g.OW, g.SW, g.KW, g.W, g.Left)}
		out.theirs = t.emit("Conv", names, attribute{"kernel_shape", []int{g.KH, g.KW}},
			attribute{"strides", []int{g.SH, g.SW}}, attribute{"pads", clipped(pads)})
		return nil
	}
	g, err := spec.(kernels.Conv2DInputGrad).Geometry(in[0].shape, in[1].shape)
	if err != nil {
		return err
	}
	// What lies beyond the last window is no padding but more of the result.
	bottom, right := behind(g.OH, g.SH, g.KH, g.H, g.Top), behind(g.OW, g.SW, g.KW, g.W, g.Left)
	out.theirs = t.emit("ConvTranspose", names, attribute{"kernel_shape", []int{g.KH, g.KW}},
		attribute{"strides", []int{g.SH, g.SW}}, attribute{"pads", clipped([]int{g.Top, g.Left, bottom, right})},
		attribute{"output_padding", clipped([]int{-bottom, -right})})
	return nil
}

// behind returns how far the last window of a convolution reaches beyond the
// image: the padding at the end, below 0 where it does not reach the end.
func behind(out, stride, kernel, in, before int) int { return (out-1)*stride + kernel - before - in }

func clipped(v []int) []int {
	for i := range v {
		v[i] = max(v[i], 0)
	}
	return v
}

// windows returns the attributes of a pooling.
func windows(g *kernels.PoolGeometry) []attribute {
	pads := []int{g.Top, g.Left, behind(g.OH, g.SH, g.KH, g.H, g.Top), behind(g.OW, g.SW, g.KW, g.W, g.Left)}
	return []attribute{{"kernel_shape", []int{g.KH, g.KW}}, {"strides", []int{g.SH, g.SW}}, {"pads", clipped(pads)}}
}

// upsample adds a Resize.
func (t *translation) upsample(s kernels.Upsample2D, in, out *value) {
	scales := t.initializer(fmt.Sprintf("scales.%d.%d", s.Scale[0], s.Scale[1]), []int{4},
		[]float32{1, 1, float32(s.Scale[0]), float32(s.Scale[1])})
	options := []attribute{{"mode", "nearest"}, {"coordinate_transformation_mode", "asymmetric"}, {"nearest_mode", "floor"}}
	if s.Mode == kernels.Bilinear {
		options = []attribute{{"mode", "linear"}, {"coordinate_transformation_mode", "half_pixel"}}
	}
	out.theirs, out.order = t.emit("Resize", []string{t.ordered(in, channelsFirst), "", scales}, options...), channelsFirst
}

// reshape leaves the elements where they are until somebody asks for them, but
// for the channels of an image that become groups, or groups that become channels:
// that goes without a transposition.
func (t *translation) reshape(in, out *value) error {
	free := 0
	for _, is := range out.free {
		if is {
			free++
		}
	}
	if free > 1 {
		return fmt.Errorf("to %v, of which %d axes depend on the size of the batch, want one at most", out.shape, free)
	}
	out.source = in
	switch {
	case !in.image() || len(out.shape) != 4 || in.shape[0] != out.shape[0]:
	case in.order == channelsFirst && out.shape[2]*out.shape[3] == in.shape[3]:
		out.order = groupsFirst
	case in.order == groupsFirst && in.shape[2]*in.shape[3] == out.shape[3]:
		out.order = channelsFirst
	}
	if out.order != (order{}) {
		out.theirs = t.emit("Reshape", []string{in.theirs, t.orderedDims(out, out.order)})
	}
	return nil
}

// slice adds a Slice, along the axis where it lies in the file.
func (t *translation) slice(s kernels.Slice, in, out *value) error {
	if in.free[s.Axis] {
		return fmt.Errorf("along axis %d of %v, which depends on the size of the batch", s.Axis, in.shape)
	}
	name, axis, to := t.along(in, s.Axis, out)
	*to = t.emit("Slice", []string{name, t.numbers("from", []int64{int64(s.From)}), t.numbers("to", []int64{int64(s.To)}), t.numbers("axes", []int64{int64(axis)})})
	return nil
}

// along returns a value as it lies in the file, an axis of it there, and where
// to put the name of a result of the same order.
func (t *translation) along(in *value, axis int, out *value) (name string, there int, to *string) {
	if in.image() {
		out.order = in.order
		return in.theirs, in.order.place(axis), &out.theirs
	}
	return t.ours(in), axis, &out.ours
}

// concat adds a Concat, of images in the order of the first.
func (t *translation) concat(s kernels.Concat, in []*value, out *value) {
	var names []string
	if !in[0].image() {
		for _, v := range in {
			names = append(names, t.ours(v))
		}
		out.ours = t.emit("Concat", names, attribute{"axis", s.Axis})
		return
	}
	out.order = in[0].order
	for _, v := range in {
		names = append(names, t.ordered(v, out.order))
	}
	out.theirs = t.emit("Concat", names, attribute{"axis", out.order.place(s.Axis)})
}

// pad adds a Pad of zeros.
func (t *translation) pad(s kernels.Pad, in, out *value) {
	name, axis, to := t.along(in, s.Axis, out)
	pads := make([]int64, 2*len(in.shape))
	pads[axis], pads[len(in.shape)+axis] = int64(s.Before), int64(s.After)
	*to = t.emit("Pad", []string{name, t.numbers("pads", pads)})
}

// broadcast adds an Expand. An axis that the operand has already is free.
func (t *translation) broadcast(in, out *value) error {
	dims := make([]int64, len(out.shape))
	for i, d := range out.shape {
		dims[i] = int64(d)
		if !out.free[i] {
			continue
		}
		from := i - (len(out.shape) - len(in.shape))
		if from < 0 || !in.free[from] {
			return fmt.Errorf("%v to %v: axis %d depends on the size of the batch", in.shape, out.shape, i)
		}
		dims[i] = 1
	}
	out.ours = t.emit("Expand", []string{t.ours(in), t.numbers("shape", dims)})
	return nil
}

// reduce adds a reduction over axes.
func (t *translation) reduce(op, in string, axes []int, keep int) string {
	return t.emit(op, []string{in}, attribute{"axes", axes}, attribute{"keepdims", keep})
}

// moments adds what computes means and variances, one behind the other. The axes
// that are kept must be in our order.
func (t *translation) moments(s kernels.Moments, in, out *value) {
	x, axes := "", axesOf(s.Axes)
	if in.image() && in.order == groupsFirst && slices.Equal(axes, []int{1, 3}) {
		x, axes = in.theirs, []int{2, 3}
	} else {
		x = t.ours(in)
	}
	d := t.emit("Sub", []string{x, t.reduce("ReduceMean", x, axes, 1)})
	rows := []string{t.reduce("ReduceMean", x, axes, 0), t.reduce("ReduceMean", t.emit("Mul", []string{d, d}), axes, 0)}
	for i, row := range rows {
		rows[i] = t.emit("Unsqueeze", []string{row, t.numbers("axes", []int64{0})})
	}
	out.ours = t.emit("Concat", rows, attribute{"axis", 0})
}

// oneHotMax adds what marks the first maximum of each row.
func (t *translation) oneHotMax(in, out *value) {
	most := t.emit("ArgMax", []string{t.ours(in)}, attribute{"axis", 1}, attribute{"keepdims", 0})
	out.ours = t.emit("OneHot", []string{most, t.numbers("depth", []int64{int64(in.shape[1])}), t.initializer("off_on", []int{2}, []float32{0, 1})})
}

// axesOf lists the axes of a set.
func axesOf(a kernels.Axes) []int {
	var list []int
	for i := range kernels.MaxRank {
		if a.Has(i) {
			list = append(list, i)
		}
	}
	return list
}

func int64s(v []int) []int64 {
	out := make([]int64, len(v))
	for i, x := range v {
		out[i] = int64(x)
	}
	return out
}
