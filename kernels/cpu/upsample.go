package cpu

import (
	"hourglass/kernels"
	"hourglass/kernels/cpu/internal/simd"
)

// upsample sums, for each pixel of the result, the operand's pixels that it is
// made of.
func upsample(s kernels.Upsample2D, out kernels.Operand, in []kernels.Operand) kernel {
	x := in[0].Shape
	return resample(sumsOf(s.Mode.Taps(x[1], s.Scale[0])), sumsOf(s.Mode.Taps(x[2], s.Scale[1])), out, in)
}

// upsampleGrad does the same by the transposed sums: each pixel collects from
// those that it had a part in, so no two tasks write to one place.
func upsampleGrad(s kernels.Upsample2DGrad, out kernels.Operand, in []kernels.Operand) kernel {
	x := out.Shape
	return resample(sumsOver(s.Mode.Taps(x[1], s.Scale[0]), x[1]), sumsOver(s.Mode.Taps(x[2], s.Scale[1]), x[2]), out, in)
}

// sums holds for each place of an axis of the result the operand's places that
// are summed and their weights: those from start[i] to start[i+1].
type sums struct {
	start  []int
	at     []int
	weight []float32
}

func sumsOf(taps [][]kernels.Tap) sums {
	s := sums{start: []int{0}}
	for _, place := range taps {
		for _, t := range place {
			s.at, s.weight = append(s.at, t.At), append(s.weight, float32(t.Weight))
		}
		s.start = append(s.start, len(s.at))
	}
	return s
}

// sumsOver returns the sums over taps that an axis of in places has a part in.
func sumsOver(taps [][]kernels.Tap, in int) sums {
	back := make([][]kernels.Tap, in)
	for o, place := range taps {
		for _, t := range place {
			back[t.At] = append(back[t.At], kernels.Tap{At: o, Weight: t.Weight})
		}
	}
	return sumsOf(back)
}

// resample computes whole rows of the result.
func resample(rows, columns sums, out kernels.Operand, in []kernels.Operand) kernel {
	n, h, w, channels := out.Shape[0], out.Shape[1], out.Shape[2], out.Shape[3]
	fromH, fromW := in[0].Shape[1], in[0].Shape[2]
	tasks := pieces(max(out.Shape.Size(), in[0].Shape.Size()), 1<<13)
	return single(tasks, func(c *call, task int, _ []float32) {
		from, to := split(n*h, tasks, task, 1)
		for r := from; r < to; r++ {
			image, i := r/h*fromH*fromW*channels, r%h
			for j := range w {
				y := c.out.f32[(r*w+j)*channels:][:channels]
				first := true
				for p := rows.start[i]; p < rows.start[i+1]; p++ {
					row := image + rows.at[p]*fromW*channels
					for q := columns.start[j]; q < columns.start[j+1]; q++ {
						x := c.in[0].f32[row+columns.at[q]*channels:]
						weight := rows.weight[p] * columns.weight[q]
						if first {
							setScaled(y, x, weight)
							first = false
							continue
						}
						addScaled(y, x, weight)
					}
				}
			}
		}
	})
}

// setScaled sets y to the start of x times a.
func setScaled(y, x []float32, a float32) {
	if a == 1 {
		copy(y, x)
		return
	}
	simd.Scale(y, x[:len(y)], a)
}
