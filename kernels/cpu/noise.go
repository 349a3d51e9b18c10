package cpu

import (
	"math"

	"hourglass/kernels"
	"hourglass/kernels/cpu/internal/simd"
)

// noise draws random numbers as kernels.Noise defines them. A task draws whole
// blocks of four.
func noise(s kernels.Noise, out kernels.Operand) kernel {
	n := out.Shape.Size()
	tasks := pieces(n, 1<<13)
	below := uint32(math.Ceil(s.P * (1 << 24))) // k·2⁻²⁴ < P, exactly
	return single(tasks, func(c *call, task int, _ []float32) {
		from, to := split(n, tasks, task, 4)
		step := uint32(view[int32](c.in[1].bytes)[0])
		y, p := c.out.f32[from:to], simd.Philox{Key: s.Key(), Counter: s.Counter(step, uint64(from/4))}
		switch s.Dist {
		case kernels.Uniform:
			simd.Uniforms(y, p)
		case kernels.Normal:
			simd.Normals(y, p)
		default:
			simd.Bernoullis(y, p, below)
		}
	})
}
