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

// cast turns numbers of one type into another.
func cast(out, in kernels.Operand) kernel {
	n := out.Shape.Size()
	convert := map[[2]kernels.DType]func(c *call, from, to int){
		{kernels.Int32, kernels.Float32}: func(c *call, from, to int) {
			convertInto(c.out.f32[from:to], view[int32](c.in[0].bytes)[from:to])
		},
		{kernels.Uint8, kernels.Float32}: func(c *call, from, to int) {
			convertInto(c.out.f32[from:to], c.in[0].bytes[from:to])
		},
		{kernels.Uint8, kernels.Int32}: func(c *call, from, to int) {
			convertInto(view[int32](c.out.bytes)[from:to], c.in[0].bytes[from:to])
		},
		{kernels.Int32, kernels.Int32}: func(c *call, from, to int) {
			copy(view[int32](c.out.bytes)[from:to], view[int32](c.in[0].bytes)[from:to])
		},
		{kernels.Float32, kernels.Float32}: func(c *call, from, to int) {
			copy(c.out.f32[from:to], c.in[0].f32[from:to])
		},
		{kernels.Float32, kernels.Int32}: func(c *call, from, to int) {
			y := view[int32](c.out.bytes)[from:to]
			for i, v := range c.in[0].f32[from:to] {
				y[i] = truncate(v)
			}
		},
	}[[2]kernels.DType{in.DType, out.DType}]
	tasks := pieces(n, 1<<15)
	return single(tasks, func(c *call, task int, _ []float32) {
		from, to := split(n, tasks, task, 1)
		convert(c, from, to)
	})
}

func convertInto[To, From float32 | int32 | uint8](y []To, x []From) {
	for i, v := range x {
		y[i] = To(v)
	}
}

// truncate cuts towards 0; Go leaves open what a number that does not fit
// becomes.
func truncate(v float32) int32 {
	switch {
	case v != v:
		return 0
	case v >= math.MaxInt32:
		return math.MaxInt32
	case v <= math.MinInt32:
		return math.MinInt32
	}
	return int32(v)
}
