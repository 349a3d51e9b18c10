package cuda

import (
	"unsafe"

	"hourglass/kernels"
	"hourglass/kernels/cuda/driver"
)

// sumArgs is SumArgs of gemm_sum.cu.
type sumArgs struct {
	parts, bias, y, out uint64
	size, count, n, fn  int64
	constant            float64
}

// slots returns a struct of fields of eight bytes as parameters.
func slots[T any](args *T) []uint64 {
	return unsafe.Slice((*uint64)(unsafe.Pointer(args)), unsafe.Sizeof(*args)/8)
}

// sum is the second pass of a product whose sums are cut into parts.
type sum struct {
	kernel  *kernel
	args    sumArgs
	bias, y int
}

// newSum returns the pass that adds up parts of size elements in rows of n.
func newSum(d *Device, size, count, n int, e kernels.Epilogue) (*sum, error) {
	k, err := d.kernel("gemm_sum", sizeOf(ceil(size, 32), 1, 1, 256, 0))
	if err != nil {
		return nil, err
	}
	s := &sum{kernel: k, args: sumArgs{size: int64(size), count: int64(count), n: int64(n)}}
	s.args.fn, s.args.constant = epilogueFn(e)
	s.bias, s.y = operands(e)
	return s, nil
}

func (s *sum) run(out kernels.Buffer, in []kernels.Buffer, work kernels.Buffer) {
	s.args.parts, s.args.out = addr(work), addr(out)
	s.args.bias, s.args.y = addrOf(in, s.bias), addrOf(in, s.y)
	s.kernel.run(slots(&s.args)...)
}

// addrOf returns the address of an operand, 0 of operand 0, which stands for
// none.
func addrOf(in []kernels.Buffer, i int) uint64 {
	if i == 0 {
		return 0
	}
	return addr(in[i])
}

func sizeOf(x, y, z, block, shared int) size {
	return size{grid: [3]int{x, y, z}, block: threads(block), shared: shared}
}

// multiplication is a product with its kernels.
type multiplication struct {
	kernel  *kernel
	args    gemmArgs
	bias, y int
	sum     *sum // nil where sums are whole
}

func (m *multiplication) run(out kernels.Buffer, in []kernels.Buffer, work kernels.Buffer) {
	m.args.a, m.args.b = addr(in[0]), addr(in[1])
	if m.sum != nil {
		m.args.out = addr(work)
		m.kernel.run(slots(&m.args)...)
		m.sum.run(out, in, work)
		return
	}
	m.args.out = addr(out)
	m.args.bias, m.args.y = addrOf(in, m.bias), addrOf(in, m.y)
	m.kernel.run(slots(&m.args)...)
}

// mostGrid is the most blocks along the second and third axis.
const mostGrid = 1<<16 - 1

// multiply returns the multiplication of a product, and the bytes of its
// workspace. Products that each give a part of the result cannot be cut.
func (d *Device) multiply(p *product, whole bool) (*multiplication, int, error) {
	precision := d.multiplies()
	c := p.choose(cardOf(d.info, precision, d.hasWarpgroups()), whole, d.onlyTile)
	t := c.tile
	m := &multiplication{args: p.args}
	m.args.tilesN = int64(ceil(int(p.args.n), t.n))
	m.args.splitTiles = int64(c.splitTiles)
	tilesM, _ := p.parts(t)
	var err error
	m.kernel, err = d.kernel(t.kernel(precision, p.form), sizeOf(tilesM*int(m.args.tilesN), c.splits, p.phasesH*int(p.args.phasesW), t.threads(), t.shared(precision)))
	if err != nil {
		return nil, 0, err
	}
	if c.splits == 1 {
		m.bias, m.y = operands(p.epilogue)
		return m, 0, nil
	}
	m.args.fn, m.args.constant = epilogueFn(kernels.Epilogue{})
	m.sum, err = newSum(d, p.out, c.splits, int(p.args.n), p.epilogue)
	return m, 4 * c.splits * p.out, err
}

// hasWarpgroups reports whether the card has wgmma, which those of compute
// capability 9.0 alone have, and a driver that knows of it.
func (d *Device) hasWarpgroups() bool {
	const oldest = 12000
	version, err := driver.Version()
	return d.info.Capability == wgmmaCapability && err == nil && version >= oldest
}

// multiplies returns the precision of products on this card.
func (d *Device) multiplies() Precision { return multiplies(d.info, d.precision) }

// launch returns the launch of the products that a result is made of.
func (d *Device) launch(products ...*product) (kernels.Launch, error) {
	all := make([]*multiplication, len(products))
	work := 0
	for i, p := range products {
		if p.out == 0 {
			return kernels.Launch{Run: func(kernels.Buffer, []kernels.Buffer, kernels.Buffer) {}}, nil
		}
		var err error
		if all[i], work, err = d.multiply(p, len(products) > 1); err != nil {
			return kernels.Launch{}, err
		}
	}
	return kernels.Launch{Workspace: work, Run: func(out kernels.Buffer, in []kernels.Buffer, work kernels.Buffer) {
		for _, m := range all {
			m.run(out, in, work)
		}
	}}, nil
}
