package cuda

import "hourglass/kernels"

// What reduce.cu reduces to.
const (
	sums = iota
	moments
	logSumExps
	squares
)

// reduceArgs is ReduceArgs of reduce.cu.
type reduceArgs struct {
	x, parts, out                                uint64
	what, places, positions, inner               int64
	keepRank, skipRank                           int64
	keepDims, keepStrides, skipDims, skipStrides [kernels.MaxRank]int64
	pieces                                       int64
	divisor, most                                float64
}

// reduction is a reduction with its kernels.
type reduction struct {
	args        reduceArgs
	first, last *kernel // last is nil where the positions are one piece
}

// newReduction plans the reduction of an array along some axes. It returns the
// bytes of its workspace too.
func (d *Device) newReduction(what int, axes kernels.Axes, in kernels.Operand) (*reduction, int, error) {
	if err := d.onlyFloat32(in, nil); err != nil {
		return nil, 0, err
	}
	r := &reduction{args: reduceArgs{what: int64(what), places: 1, positions: 1, inner: 1, divisor: 1}}
	r.setAxes(axes, in.Shape)
	a := &r.args
	name, width := "reduce_columns", 32
	few := a.inner == 1 && a.positions <= 32
	switch {
	case few:
		name, width = "reduce_few", 256
	case a.inner == 1:
		name, width = "reduce_rows", 1
	}
	blocks := ceil(int(a.places), width)
	// Enough blocks to fill the device, each with enough to do.
	const leastPositions = 1024
	a.pieces = int64(max(1, min(ceil(4*max(1, d.info.Multiprocessors), max(1, blocks)), int(a.positions)*width/leastPositions, mostGrid)))
	if few {
		a.pieces = 1
	}
	var err error
	if r.first, err = d.kernel(name, sizeOf(blocks, int(a.pieces), 1, 256, 0)); err != nil {
		return nil, 0, err
	}
	if a.pieces == 1 {
		return r, 0, nil
	}
	r.last, err = d.kernel("reduce_parts", size{grid: grid(int(a.places), 256), block: threads(256)})
	return r, int(a.pieces*a.places) * 16, err
}

// setAxes merges neighbouring axes that are both kept or both reduced.
func (r *reduction) setAxes(set kernels.Axes, shape kernels.Shape) {
	a := &r.args
	last := -1 // the axis before that is not of one element
	for axis, stride := range shape.Strides() {
		n := int64(shape[axis])
		count, rank, dims, strides := &a.places, &a.keepRank, &a.keepDims, &a.keepStrides
		if set.Has(axis) {
			count, rank, dims, strides = &a.positions, &a.skipRank, &a.skipDims, &a.skipStrides
		}
		*count *= n
		if n == 1 {
			continue
		}
		if last < 0 || set.Has(last) != set.Has(axis) {
			dims[*rank] = 1
			*rank++
		}
		dims[*rank-1] *= n
		strides[*rank-1] = int64(stride)
		last = axis
	}
	if last >= 0 && !set.Has(last) { // neighbouring places lie side by side
		a.keepRank--
		a.inner = a.keepDims[a.keepRank]
	}
}

// run reduces x to out.
func (r *reduction) run(out, x, work uint64) {
	r.args.x, r.args.parts, r.args.out = x, work, out
	r.first.run(slots(&r.args)...)
	if r.last != nil {
		r.last.run(slots(&r.args)...)
	}
}

// reduce returns the launch of a reduction.
func (d *Device) reduce(what int, axes kernels.Axes, mean bool, in kernels.Operand) (kernels.Launch, error) {
	r, work, err := d.newReduction(what, axes, in)
	if err != nil {
		return kernels.Launch{}, err
	}
	if mean {
		r.args.divisor = float64(r.args.positions)
	}
	return kernels.Launch{Workspace: work, Run: func(out kernels.Buffer, in []kernels.Buffer, work kernels.Buffer) {
		r.run(addr(out), addr(in[0]), addr(work))
	}}, nil
}

// sumProduct returns the launch of a SumProduct, whose products go through
// memory: the fusion pass leaves them to the device's own Map.
func (d *Device) sumProduct(s kernels.SumProduct, in []kernels.Operand) (kernels.Launch, error) {
	multiply, err := d.elementwise(kernels.Binary{Fn: kernels.Mul}.Code(), in[0], in)
	if err != nil {
		return kernels.Launch{}, err
	}
	r, work, err := d.newReduction(sums, s.Axes, in[0])
	if err != nil {
		return kernels.Launch{}, err
	}
	bytes := max(256, (in[0].Bytes()+255)/256*256)
	return kernels.Launch{Workspace: bytes + work, Run: func(out kernels.Buffer, in []kernels.Buffer, buf kernels.Buffer) {
		products := buf.View(0, bytes)
		multiply.Run(products, in, nil)
		r.run(addr(out), addr(products), addr(buf)+uint64(bytes))
	}}, nil
}

// clip returns the launch of a ClipByGlobalNorm: the factor is computed on the
// device, behind the parts of the sum of squares.
func (d *Device) clip(s kernels.ClipByGlobalNorm, in kernels.Operand) (kernels.Launch, error) {
	r, work, err := d.newReduction(squares, kernels.AllAxes(len(in.Shape)), in)
	if err != nil {
		return kernels.Launch{}, err
	}
	r.args.most = s.Max
	n := in.Shape.Size()
	k, err := d.kernel("reduce_scale", size{grid: grid(n, 256), block: threads(256)})
	if err != nil {
		return kernels.Launch{}, err
	}
	return kernels.Launch{Workspace: work + 16, InPlace: 1, Run: func(out kernels.Buffer, in []kernels.Buffer, buf kernels.Buffer) {
		factor := addr(buf) + uint64(work)
		r.run(factor, addr(in[0]), addr(buf))
		k.run(addr(in[0]), factor, addr(out), num(n))
	}}, nil
}

// oneHotMax returns the launch of a OneHotMax.
func (d *Device) oneHotMax(in kernels.Operand) (kernels.Launch, error) {
	if err := d.onlyFloat32(in, nil); err != nil {
		return kernels.Launch{}, err
	}
	rows, columns := in.Shape[0], in.Shape[1]
	k, err := d.kernel("reduce_one_hot", size{grid: grid(rows, 8), block: threads(256)})
	if err != nil {
		return kernels.Launch{}, err
	}
	return kernels.Launch{Run: func(out kernels.Buffer, in []kernels.Buffer, _ kernels.Buffer) {
		k.run(addr(in[0]), addr(out), num(rows), num(columns))
	}}, nil
}
