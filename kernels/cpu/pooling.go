package cpu

import "hourglass/kernels"

// poolGrain is how many elements of the larger array a task of a pooling should
// have.
const poolGrain = 1 << 13

// maxPool computes whole rows of windows.
func maxPool(s kernels.MaxPool2D, in []kernels.Operand) (kernel, error) {
	g, err := s.Geometry(in[0].Shape)
	if err != nil {
		return kernel{}, err
	}
	return windowRows(g, func(c *call, window, image, i int) {
		x, y := c.in[0].f32, c.out.f32
		for j := range g.OW {
			maxima(g, y[window+j*g.C:][:g.C], x[image:], i, j)
		}
	}), nil
}

// maxima computes the maxima of window i, j, x being its image.
func maxima(g *kernels.PoolGeometry, y, x []float32, i, j int) {
	top, bottom := g.Rows(i)
	left, right := g.Columns(j)
	copy(y, x[(top*g.W+left)*g.C:])
	for h := top; h < bottom; h++ {
		for w := left; w < right; w++ {
			if h == top && w == left {
				continue
			}
			for c, v := range x[(h*g.W+w)*g.C:][:len(y)] {
				if v > y[c] || v != v {
					y[c] = v
				}
			}
		}
	}
}

// maxPoolSelect computes whole rows of windows.
func maxPoolSelect(s kernels.MaxPool2DSelect, in []kernels.Operand) (kernel, error) {
	g, err := s.Geometry(in[0].Shape, in[1].Shape)
	if err != nil {
		return kernel{}, err
	}
	return windowRows(g, func(c *call, window, image, i int) {
		x, from, y := c.in[0].f32[image:], c.in[1].f32[image:], c.out.f32[window:]
		for j := range g.OW {
			for ch := range g.C {
				y[j*g.C+ch] = from[maximum(g, x, i, j, ch)]
			}
		}
	}), nil
}

// maximum returns the offset of the maximum of channel c in window i, j of the
// image x.
func maximum(g *kernels.PoolGeometry, x []float32, i, j, c int) int {
	top, bottom := g.Rows(i)
	left, right := g.Columns(j)
	at := (top*g.W+left)*g.C + c
	best := x[at]
	for h := top; h < bottom; h++ {
		for w := left; w < right; w++ {
			place := (h*g.W+w)*g.C + c
			if v := x[place]; v > best || v != v {
				best, at = v, place
			}
		}
	}
	return at
}

// windowRows returns a kernel that calls run for each row of windows, with the
// offsets of the row and of its image, and the row's number in its image.
func windowRows(g *kernels.PoolGeometry, run func(c *call, window, image, i int)) kernel {
	rows := g.N * g.OH
	tasks := pieces(g.N*g.H*g.W*g.C, poolGrain)
	return single(tasks, func(c *call, task int, _ []float32) {
		from, to := split(rows, tasks, task, 1)
		for r := from; r < to; r++ {
			run(c, r*g.OW*g.C, r/g.OH*g.H*g.W*g.C, r%g.OH)
		}
	})
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
	return single(groups*channels, func(c *call, task int, _ []float32) {
		first, last := split(g.N, groups, task/channels, 1)
		from, to := split(g.C, channels, task%channels, 16)
		for n := first; n < last; n++ {
			x, dx := c.in[0].f32[n*size:][:size], c.out.f32[n*size:][:size]
			scatter(g, dx, x, c.in[1].f32[n*g.OH*g.OW*g.C:], from, to)
		}
	}), nil
}

// scatter computes channels from … to of one image's gradient.
func scatter(g *kernels.PoolGeometry, dx, x, dy []float32, from, to int) {
	for place := 0; place < len(dx); place += g.C {
		clear(dx[place+from : place+to])
	}
	for i := range g.OH {
		for j := range g.OW {
			for c := from; c < to; c++ {
				dx[maximum(g, x, i, j, c)] += dy[(i*g.OW+j)*g.C+c]
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
	return windowRows(g, func(c *call, window, image, i int) {
		x, y := c.in[0].f32[image:], c.out.f32[window:]
		top, bottom := g.Rows(i)
		for j := range g.OW {
			sum := y[j*g.C:][:g.C]
			clear(sum)
			left, right := g.Columns(j)
			for h := top; h < bottom; h++ {
				for w := left; w < right; w++ {
					addTo(sum, x[(h*g.W+w)*g.C:])
				}
			}
			scale(sum, 1/float32(g.Count(i, j, s.CountPad)))
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

// addTo adds the start of x to y.
func addTo(y, x []float32) {
	for i, v := range x[:len(y)] {
		y[i] += v
	}
}

// addScaled adds the start of x times a to y.
func addScaled(y, x []float32, a float32) {
	for i, v := range x[:len(y)] {
		y[i] += a * v
	}
}

// scale multiplies y by a.
func scale(y []float32, a float32) {
	for i := range y {
		y[i] *= a
	}
}
