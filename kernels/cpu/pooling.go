package cpu

import (
	"math"

	"hourglass/kernels"
	"hourglass/kernels/cpu/internal/simd"
)

// poolGrain is how many elements of the larger array a task of a pooling should
// have.
const poolGrain = 1 << 13

// A window is the part of an image that is pooled to one pixel.
type window struct{ top, bottom, left, right int }

func windowAt(g *kernels.PoolGeometry, i, j int) (at window) {
	at.top, at.bottom = g.Rows(i)
	at.left, at.right = g.Columns(j)
	return at
}

// maxPool computes whole rows of windows.
func maxPool(s kernels.MaxPool2D, in []kernels.Operand) (kernel, error) {
	g, err := s.Geometry(in[0].Shape)
	if err != nil {
		return kernel{}, err
	}
	return windowRows(g, func(c *call, result, image, i int, _ []float32) {
		x, y := c.in[0].f32[image:], c.out.f32[result:]
		for j := range g.OW {
			maxima(g, y[j*g.C:][:g.C], x, windowAt(g, i, j))
		}
	}), nil
}

// maxima computes the maxima of as many channels of a window of the image x as
// y has room for.
func maxima(g *kernels.PoolGeometry, y, x []float32, at window) {
	copy(y, x[(at.top*g.W+at.left)*g.C:])
	for h := at.top; h < at.bottom; h++ {
		for w := at.left; w < at.right; w++ {
			from := x[(h*g.W+w)*g.C:][:len(y)]
			for c, v := range y {
				y[c] = max(v, from[c]) // no branch to guess; NaN if either is
			}
		}
	}
}

// lastNaN returns the offset in x of the last NaN of a window that has one.
func lastNaN(g *kernels.PoolGeometry, x []float32, at window) (place int) {
	for h := at.top; h < at.bottom; h++ {
		for w := at.left; w < at.right; w++ {
			if p := (h*g.W + w) * g.C; x[p] != x[p] {
				place = p
			}
		}
	}
	return place
}

// equal returns all ones where x equals y, else 0: a mask that costs no branch,
// of which every other one would be guessed wrong. As a number it is a NaN, so
// a maximum that has been found becomes one by it, which nothing equals.
func equal(x, y float32) (mask uint32) {
	if x == y {
		mask = math.MaxUint32
	}
	return mask
}

// maxPoolSelect computes whole rows of windows.
func maxPoolSelect(s kernels.MaxPool2DSelect, in []kernels.Operand) (kernel, error) {
	g, err := s.Geometry(in[0].Shape, in[1].Shape)
	if err != nil {
		return kernel{}, err
	}
	return windowRows(g, func(c *call, result, image, i int, best []float32) {
		x, from := c.in[0].f32[image:], c.in[1].f32[image:]
		for j := range g.OW {
			y, at := c.out.f32[result+j*g.C:][:g.C], windowAt(g, i, j)
			maxima(g, best[:g.C], x, at)
			pick(g, y, from, x, best[:g.C], at)
		}
	}), nil
}

// pick sets y to the elements of from at the first places of a window of x that
// hold the maxima best.
func pick(g *kernels.PoolGeometry, y, from, x, best []float32, at window) {
	for c, v := range best {
		if v != v {
			y[c] = from[lastNaN(g, x[c:], at)+c]
		}
	}
	for h := at.top; h < at.bottom; h++ {
		for w := at.left; w < at.right; w++ {
			x, from := x[(h*g.W+w)*g.C:][:len(best)], from[(h*g.W+w)*g.C:][:len(best)]
			for c, v := range best {
				hit := equal(x[c], v)
				best[c] = math.Float32frombits(math.Float32bits(v) | hit)
				y[c] = math.Float32frombits(math.Float32bits(y[c])&^hit | math.Float32bits(from[c])&hit)
			}
		}
	}
}

// windowRows returns a kernel that calls run for each row of windows, with the
// offsets of the row and of its image, the row's number in its image, and
// scratch for a number of each channel.
func windowRows(g *kernels.PoolGeometry, run func(c *call, result, image, i int, scratch []float32)) kernel {
	rows := g.N * g.OH
	tasks := pieces(g.N*g.H*g.W*g.C, poolGrain)
	k := single(tasks, func(c *call, task int, scratch []float32) {
		from, to := split(rows, tasks, task, 1)
		for r := from; r < to; r++ {
			run(c, r*g.OW*g.C, r/g.OH*g.H*g.W*g.C, r%g.OH, scratch)
		}
	})
	k.scratch = g.C
	return k
}

// maxPoolGrad scatters: windows overlap, so one task owns some channels of
// whole images.
func maxPoolGrad(s kernels.MaxPool2DGrad, in []kernels.Operand) (kernel, error) {
	g, err := s.Geometry(in[0].Shape, in[1].Shape)
	if err != nil {
		return kernel{}, err
	}
	size := g.H * g.W * g.C
	wanted := pieces(g.N*size, poolGrain)
	groups := min(g.N, wanted) // of images
	channels := 1              // groups of channels
	if groups > 0 {
		channels = max(1, min(wanted/groups, g.C/16))
	}
	k := single(groups*channels, func(c *call, task int, best []float32) {
		first, last := split(g.N, groups, task/channels, 1)
		from, to := split(g.C, channels, task%channels, 16)
		for n := first; n < last; n++ {
			x, dx := c.in[0].f32[n*size:][:size], c.out.f32[n*size:][:size]
			for place := 0; place < size; place += g.C {
				clear(dx[place+from : place+to])
			}
			dy := c.in[1].f32[n*g.OH*g.OW*g.C:]
			for r := range g.OH * g.OW {
				at := windowAt(g, r/g.OW, r%g.OW)
				maxima(g, best[:to-from], x[from:], at)
				drop(g, dx[from:], x[from:], dy[r*g.C+from:], best[:to-from], at)
			}
		}
	})
	k.scratch = g.C
	return k, nil
}

// drop is the adjoint of pick: it adds dy to dx at the places of the maxima.
func drop(g *kernels.PoolGeometry, dx, x, dy, best []float32, at window) {
	dy = dy[:len(best)]
	for c, v := range best {
		if v != v {
			dx[lastNaN(g, x[c:], at)+c] += dy[c]
		}
	}
	for h := at.top; h < at.bottom; h++ {
		for w := at.left; w < at.right; w++ {
			x, dx := x[(h*g.W+w)*g.C:][:len(best)], dx[(h*g.W+w)*g.C:][:len(best)]
			for c, v := range best {
				hit := equal(x[c], v)
				best[c] = math.Float32frombits(math.Float32bits(v) | hit)
				dx[c] += math.Float32frombits(math.Float32bits(dy[c]) & hit)
			}
		}
	}
}

// avgPool computes whole rows of windows.
func avgPool(s kernels.AvgPool2D, in []kernels.Operand) (kernel, error) {
	g, err := s.Geometry(in[0].Shape)
	if err != nil {
		return kernel{}, err
	}
	return windowRows(g, func(c *call, result, image, i int, _ []float32) {
		x, y := c.in[0].f32[image:], c.out.f32[result:]
		for j := range g.OW {
			sum, at := y[j*g.C:][:g.C], windowAt(g, i, j)
			clear(sum)
			for h := at.top; h < at.bottom; h++ {
				for w := at.left; w < at.right; w++ {
					addScaled(sum, x[(h*g.W+w)*g.C:], 1)
				}
			}
			simd.Scale(sum, sum, 1/float32(g.Count(i, j, s.CountPad)))
		}
	}), nil
}

// avgPoolGrad computes whole rows of images, adding what each window over a
// place gives it.
func avgPoolGrad(s kernels.AvgPool2DGrad, in []kernels.Operand) (kernel, error) {
	g, err := s.Geometry(in[0].Shape)
	if err != nil {
		return kernel{}, err
	}
	rows := g.N * g.H
	tasks := pieces(rows*g.W*g.C, poolGrain)
	return single(tasks, func(c *call, task int, _ []float32) {
		from, to := split(rows, tasks, task, 1)
		for r := from; r < to; r++ {
			dy := c.in[0].f32[r/g.H*g.OH*g.OW*g.C:]
			first, last := g.RowsOver(r % g.H)
			for w := range g.W {
				dx := c.out.f32[(r*g.W+w)*g.C:][:g.C]
				clear(dx)
				left, right := g.ColumnsOver(w)
				for i := first; i < last; i++ {
					for j := left; j < right; j++ {
						addScaled(dx, dy[(i*g.OW+j)*g.C:], 1/float32(g.Count(i, j, s.CountPad)))
					}
				}
			}
		}
	}), nil
}

// addScaled adds the start of x times a to y.
func addScaled(y, x []float32, a float32) {
	x = x[:len(y)]
	if len(y) >= 8 {
		simd.AXPY(y, a, x, y)
		return
	}
	for i, v := range x {
		y[i] += a * v
	}
}
