package cuda

import "hourglass/kernels"

// copyArgs is CopyArgs of copies.cu.
type copyArgs struct {
	from, to                     uint64
	n, rank                      int64
	dims, fromStrides, toStrides [kernels.MaxRank]int64
}

// A strideCopy moves an array from one lattice of places to another.
type strideCopy struct {
	kernel         *kernel
	args           copyArgs
	fromAt, toAt   uint64 // bytes before the first element
	operand, bytes int
}

// newCopy plans a copy of an operand's part of some shape.
func (d *Device) newCopy(t kernels.DType, shape kernels.Shape, fromStrides, toStrides []int, fromAt, toAt int) (*strideCopy, error) {
	c := &strideCopy{bytes: t.Size()}
	c.fromAt, c.toAt = uint64(fromAt*c.bytes), uint64(toAt*c.bytes)
	strides := [][]int{fromStrides, toStrides}
	dims := mergeAxes(shape, strides)
	a := &c.args
	a.n, a.rank = int64(shape.Size()), int64(len(dims))
	for i, n := range dims {
		a.dims[i], a.fromStrides[i], a.toStrides[i] = int64(n), int64(strides[0][i]), int64(strides[1][i])
	}
	var err error
	c.kernel, err = d.kernel(map[int]string{1: "copies_1", 4: "copies_4", 8: "copies_8"}[c.bytes], size{grid: grid(int(a.n), 256), block: threads(256)})
	return c, err
}

func (c *strideCopy) run(out kernels.Buffer, in []kernels.Buffer, _ kernels.Buffer) {
	c.args.from, c.args.to = addr(in[c.operand])+c.fromAt, addr(out)+c.toAt
	c.kernel.run(slots(&c.args)...)
}

// transpose returns the launch of a Transpose.
func (d *Device) transpose(s kernels.Transpose, out, in kernels.Operand) (kernels.Launch, error) {
	own, strides := in.Shape.Strides(), []int{}
	for _, axis := range s.Perm.Shape() {
		strides = append(strides, own[axis])
	}
	c, err := d.newCopy(in.DType, out.Shape, strides, out.Shape.Strides(), 0, 0)
	if err != nil {
		return kernels.Launch{}, err
	}
	return kernels.Launch{Run: c.run}, nil
}

// reshape returns the launch of a Reshape.
func (d *Device) reshape(in kernels.Operand) (kernels.Launch, error) {
	n := kernels.Shape{in.Shape.Size()}
	c, err := d.newCopy(in.DType, n, []int{1}, []int{1}, 0, 0)
	if err != nil {
		return kernels.Launch{}, err
	}
	return kernels.Launch{InPlace: 1, Run: c.run}, nil
}

// slice returns the launch of a Slice.
func (d *Device) slice(s kernels.Slice, out, in kernels.Operand) (kernels.Launch, error) {
	strides := in.Shape.Strides()
	c, err := d.newCopy(in.DType, out.Shape, strides, out.Shape.Strides(), s.From*strides[s.Axis], 0)
	if err != nil {
		return kernels.Launch{}, err
	}
	return kernels.Launch{Run: c.run}, nil
}

// concat returns the launch of a Concat: a copy for each operand.
func (d *Device) concat(s kernels.Concat, out kernels.Operand, in []kernels.Operand) (kernels.Launch, error) {
	copies, at := make([]*strideCopy, len(in)), 0
	strides := out.Shape.Strides()
	for i, o := range in {
		var err error
		if copies[i], err = d.newCopy(o.DType, o.Shape, o.Shape.Strides(), strides, 0, at*strides[s.Axis]); err != nil {
			return kernels.Launch{}, err
		}
		copies[i].operand = i
		at += o.Shape[s.Axis]
	}
	return kernels.Launch{Run: func(out kernels.Buffer, in []kernels.Buffer, work kernels.Buffer) {
		for _, c := range copies {
			c.run(out, in, work)
		}
	}}, nil
}

// pad returns the launch of a Pad.
func (d *Device) pad(s kernels.Pad, out, in kernels.Operand) (kernels.Launch, error) {
	if err := d.onlyFloat32(out, nil); err != nil {
		return kernels.Launch{}, err
	}
	n := out.Shape.Size()
	inner := out.Shape[s.Axis+1:].Size()
	k, err := d.kernel("copies_pad", size{grid: grid(n, 256), block: threads(256)})
	if err != nil {
		return kernels.Launch{}, err
	}
	return kernels.Launch{Run: func(to kernels.Buffer, from []kernels.Buffer, _ kernels.Buffer) {
		k.run(addr(from[0]), addr(to), num(n), num(in.Shape[s.Axis]), num(out.Shape[s.Axis]), num(s.Before), num(inner))
	}}, nil
}

// gather returns the launch of a Gather.
func (d *Device) gather(s kernels.Gather, out kernels.Operand, in []kernels.Operand) (kernels.Launch, error) {
	name := map[kernels.DType]string{kernels.Uint8: "copies_gather_u8", kernels.Float32: "copies_gather_f32"}[in[0].DType]
	if name == "" {
		return kernels.Launch{}, d.unsupported(in[0])
	}
	n, size := out.Shape.Size(), out.Shape[1:].Size()
	k, err := d.kernel(name, sizeOf(ceil(n, 256), 1, 1, 256, 0))
	if err != nil {
		return kernels.Launch{}, err
	}
	rows := in[0].Shape[0]
	return kernels.Launch{Run: func(out kernels.Buffer, in []kernels.Buffer, _ kernels.Buffer) {
		k.run(addr(in[0]), addr(in[1]), addr(out), num(n), num(size), num(rows), f64(s.Factor()))
	}}, nil
}

// scatter returns the launch of a Scatter.
func (d *Device) scatter(out kernels.Operand, in []kernels.Operand) (kernels.Launch, error) {
	if err := d.onlyFloat32(out, in[:2]); err != nil {
		return kernels.Launch{}, err
	}
	n, size, count := out.Shape.Size(), out.Shape[1:].Size(), in[2].Shape[0]
	k, err := d.kernel("copies_scatter", sizeOf(ceil(n, 256), 1, 1, 256, 0))
	if err != nil {
		return kernels.Launch{}, err
	}
	return kernels.Launch{InPlace: 1, Run: func(out kernels.Buffer, in []kernels.Buffer, _ kernels.Buffer) {
		k.run(addr(in[0]), addr(in[1]), addr(in[2]), addr(out), num(n), num(size), num(count))
	}}, nil
}

// castNames are the kernels of Cast by the types from and to.
var castNames = map[[2]kernels.DType]string{
	{kernels.Int32, kernels.Float32}: "copies_cast_i32_f32",
	{kernels.Uint8, kernels.Float32}: "copies_cast_u8_f32",
	{kernels.Float32, kernels.Int32}: "copies_cast_f32_i32",
	{kernels.Uint8, kernels.Int32}:   "copies_cast_u8_i32",
}

// cast returns the launch of a Cast.
func (d *Device) cast(out, in kernels.Operand) (kernels.Launch, error) {
	if out.DType == in.DType {
		return d.reshape(in)
	}
	name := castNames[[2]kernels.DType{in.DType, out.DType}]
	if name == "" {
		return kernels.Launch{}, d.unsupported(out)
	}
	n := out.Shape.Size()
	k, err := d.kernel(name, size{grid: grid(n, 256), block: threads(256)})
	if err != nil {
		return kernels.Launch{}, err
	}
	return kernels.Launch{Run: func(out kernels.Buffer, in []kernels.Buffer, _ kernels.Buffer) {
		k.run(addr(in[0]), addr(out), num(n))
	}}, nil
}
