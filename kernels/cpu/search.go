package cpu

import (
	"math"

	"hourglass/kernels"
)

// oneHotMax marks the largest element of each row. A task has whole rows.
func oneHotMax(out kernels.Operand) kernel {
	rows, columns := out.Shape[0], out.Shape[1]
	tasks := min(pieces(rows*columns, 1<<14), max(rows, 1))
	return single(tasks, func(c *call, task int, _ []float32) {
		from, to := split(rows, tasks, task, 1)
		for r := from; r < to; r++ {
			markMax(c.out.f32[r*columns:][:columns], c.in[0].f32[r*columns:][:columns])
		}
	})
}

func markMax(dst, x []float32) {
	best, largest, nan := 0, x[0], false
	for i, v := range x {
		if v > largest {
			best, largest = i, v
		}
		nan = nan || v != v
	}
	clear(dst)
	if nan {
		for i := range dst {
			dst[i] = float32(math.NaN())
		}
		return
	}
	dst[best] = 1
}

// cast turns whole numbers into float32.
func cast(out, in kernels.Operand) kernel {
	n := out.Shape.Size()
	tasks := pieces(n, 1<<15)
	return single(tasks, func(c *call, task int, _ []float32) {
		from, to := split(n, tasks, task, 1)
		if in.DType == kernels.Uint8 {
			for i, v := range c.in[0].bytes[from:to] {
				c.out.f32[from+i] = float32(v)
			}
			return
		}
		for i, v := range view[int32](c.in[0].bytes)[from:to] {
			c.out.f32[from+i] = float32(v)
		}
	})
}
