package cuda

import "hourglass/kernels"

// upsampleArgs is UpsampleArgs of upsample.cu.
type upsampleArgs struct {
	x, out                   uint64
	n, h, w, c               int64
	scaleH, scaleW, bilinear int64
}

// upsample returns the launch of an Upsample2D, or of its gradient, of small
// images.
func (d *Device) upsample(name string, scale [2]int, m kernels.UpsampleMode, small kernels.Shape, out kernels.Operand) (kernels.Launch, error) {
	if err := d.onlyFloat32(out, nil); err != nil {
		return kernels.Launch{}, err
	}
	if err := d.checkAxes(name, small[1]*scale[0], small[2]*scale[1], small[3]); err != nil {
		return kernels.Launch{}, err
	}
	a := &upsampleArgs{
		n: int64(out.Shape.Size()), h: int64(small[1]), w: int64(small[2]), c: int64(small[3]),
		scaleH: int64(scale[0]), scaleW: int64(scale[1]), bilinear: flag(m == kernels.Bilinear),
	}
	k, err := d.kernel(name, size{grid: grid(int(a.n), 256), block: threads(256)})
	if err != nil {
		return kernels.Launch{}, err
	}
	return kernels.Launch{Run: func(out kernels.Buffer, in []kernels.Buffer, _ kernels.Buffer) {
		a.x, a.out = addr(in[0]), addr(out)
		k.run(slots(a)...)
	}}, nil
}
