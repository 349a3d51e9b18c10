package cpu

import (
	"math"

	"hourglass/kernels"
	"hourglass/kernels/cpu/internal/simd"
)

// gather picks and scales rows. A task copies whole rows.
func gather(s kernels.Gather, out kernels.Operand, in []kernels.Operand) kernel {
	batch, rows, size := out.Shape[0], in[0].Shape[0], in[0].Shape[1:].Size()
	factor := float32(s.Factor())
	pick := func(c *call, to []float32, row int) {
		simd.ScaleBytes(to, c.in[0].bytes[row*size:][:size], factor)
	}
	if in[0].DType == kernels.Float32 {
		pick = func(c *call, to []float32, row int) {
			simd.Scale(to, c.in[0].f32[row*size:][:size], factor)
		}
	}
	tasks := min(pieces(batch*size, 1<<13), max(batch, 1))
	return single(tasks, func(c *call, task int, _ []float32) {
		from, to := split(batch, tasks, task, 1)
		index := view[int32](c.in[1].bytes)
		for b := from; b < to; b++ {
			y := c.out.f32[b*size:][:size]
			if row := int(index[b]); row >= 0 && row < rows {
				pick(c, y, row)
				continue
			}
			for i := range y {
				y[i] = float32(math.NaN())
			}
		}
	})
}

// scatter replaces rows.
func scatter(out kernels.Operand) kernel {
	rows, size := out.Shape[0], out.Shape[1:].Size()
	k := single(1, func(c *call, _ int, _ []float32) {
		copy(c.out.f32, c.in[0].f32) // of itself, where they are the same
		for b, row := range view[int32](c.in[2].bytes) {
			if row >= 0 && int(row) < rows {
				copy(c.out.f32[int(row)*size:][:size], c.in[1].f32[b*size:][:size])
			}
		}
	})
	k.inPlace = 1
	return k
}
