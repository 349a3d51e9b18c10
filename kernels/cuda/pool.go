package cuda

import (
	"fmt"
	"slices"

	"hourglass/kernels"
)

// mostAlong is the longest axis that kernels index in 32 bits, with room for what
// they add to it and for twice of it.
const mostAlong = 1 << 29

// checkAxes refuses longer ones.
func (d *Device) checkAxes(what string, sizes ...int) error {
	if longest := slices.Max(sizes); longest > mostAlong {
		return fmt.Errorf("%s: %s: an axis of %d is longer than 2²⁹: %w", d.name, what, longest, kernels.ErrUnsupported)
	}
	return nil
}

// poolArgs is PoolArgs of pool.cu.
type poolArgs struct {
	x, other, out                              uint64
	n                                          int64
	h, w, c, oh, ow, kh, kw, sh, sw, top, left int64
	countPad                                   int64
}

// pool returns the launch of a kernel of pool.cu for a pooling.
func (d *Device) pool(name string, countPad bool, out kernels.Operand, in []kernels.Operand, g *kernels.PoolGeometry, err error) (kernels.Launch, error) {
	if err == nil {
		err = d.onlyFloat32(out, in)
	}
	if err == nil {
		err = d.checkAxes(name, g.H, g.W, g.C, g.KH, g.KW, g.SH, g.SW)
	}
	if err != nil {
		return kernels.Launch{}, err
	}
	a := &poolArgs{
		n: int64(out.Shape.Size()), h: int64(g.H), w: int64(g.W), c: int64(g.C), oh: int64(g.OH), ow: int64(g.OW),
		kh: int64(g.KH), kw: int64(g.KW), sh: int64(g.SH), sw: int64(g.SW), top: int64(g.Top), left: int64(g.Left), countPad: flag(countPad),
	}
	k, err := d.kernel(name, size{grid: grid(int(a.n), 256), block: threads(256)})
	if err != nil {
		return kernels.Launch{}, err
	}
	return kernels.Launch{Run: func(out kernels.Buffer, in []kernels.Buffer, _ kernels.Buffer) {
		a.x, a.out = addr(in[0]), addr(out)
		if len(in) > 1 {
			a.other = addr(in[1])
		}
		k.run(slots(a)...)
	}}, nil
}
