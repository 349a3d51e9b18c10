package cuda

import (
	"math"

	"hourglass/kernels"
)

// noiseArgs is NoiseArgs of noise.cu.
type noiseArgs struct {
	out, step          uint64
	n, dist            int64
	key0, key1, stream int64
	below              int64
}

// noise returns the launch of a Noise.
func (d *Device) noise(s kernels.Noise, out kernels.Operand) (kernels.Launch, error) {
	if err := d.onlyFloat32(out, nil); err != nil {
		return kernels.Launch{}, err
	}
	key := s.Key()
	a := &noiseArgs{
		n: int64(out.Shape.Size()), dist: int64(s.Dist), key0: int64(key[0]), key1: int64(key[1]), stream: int64(s.Stream),
		below: int64(math.Ceil(s.P * (1 << 24))), // k·2⁻²⁴ < P, exactly
	}
	k, err := d.kernel("noise", size{grid: grid(ceil(int(a.n), 4), 256), block: threads(256)})
	if err != nil {
		return kernels.Launch{}, err
	}
	return kernels.Launch{Run: func(out kernels.Buffer, in []kernels.Buffer, _ kernels.Buffer) {
		a.out, a.step = addr(out), addr(in[1])
		k.run(slots(a)...)
	}}, nil
}
