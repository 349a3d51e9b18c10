package cpu

import (
	"hourglass/kernels"
	"hourglass/kernels/cpu/internal/simd"
)

// narrowFilter is the plan of a Conv2DFilterGrad by an image of few channels,
// as the first and the last layer of a net have. The image is small beside the
// gradient, of which each element meets only the filter's few: the sums are in
// registers while the gradient is read once, or once for each filter row. As in
// filterGrad, groups of result rows have an accumulator each, and what lies
// outside the image is left out.
//
// BenchmarkNarrow found 76 to 98% of the multiply-add peak where a segment left
// the gradient in the caches, and 31 to 82% of the speed at which one thread
// reads memory on whole batches, more the fewer multiply-adds there are to each
// element read: 9 for one channel, 27 for three.
type narrowFilter struct {
	g          *kernels.ConvGeometry
	groups     int
	rows       int // result rows of one image that are taken at a time
	down, over []meeting
}

// meeting is neighbouring result rows, or columns, that meet the same rows or
// columns of the filter.
type meeting struct {
	first, count int
	from, to     int // of the filter
}

// fitsNarrow reports whether a filter's gradient is better taken as a
// narrowFilter.
func fitsNarrow(g *kernels.ConvGeometry, p Precision) bool {
	return p == Float32 && g.Ci <= mostNarrow && g.Co >= vector/2
}

// Limits of the cut of a narrow filter's gradient.
const (
	narrowPlaces = 8192    // the fewest result places for an accumulator of their own
	narrowPart   = 1 << 15 // elements of the gradient that are taken at a time, from the second-level cache
)

func newNarrowFilter(g *kernels.ConvGeometry) kernel {
	f := &narrowFilter{g: g}
	f.down = meetings(g.OH, g.SH, g.Top, g.H, g.KH)
	f.over = meetings(g.OW, g.SW, g.Left, g.W, g.KW)
	rows := g.N * g.OH
	f.groups = max(1, min(rows*g.OW/narrowPlaces, maxGroups, rows))
	f.rows = max(1, min(g.OH, narrowPart/max(1, g.OW*g.Co)))
	parts := (g.OH + f.rows - 1) / f.rows
	f.rows = (g.OH + parts - 1) / max(1, parts)
	if f.groups == 1 {
		k := single(1, f.run)
		k.adds = true
		return k
	}
	size := g.Filter().Size()
	return kernel{
		workspace: f.groups * size,
		phases: []phase{{f.groups, f.run}, {1, func(c *call, _ int, _ []float32) {
			copy(c.out.f32[:size], c.work)
			for group := 1; group < f.groups; group++ {
				simd.Add(c.out.f32[:size], c.out.f32[:size], c.work[group*size:][:size])
			}
		}}},
	}
}

// meetings cuts places into runs that meet the same part of the filter. Places
// that meet nothing of it are left out.
func meetings(places, stride, before, size, kernel int) (all []meeting) {
	for i := range places {
		from, to := lies(i, stride, before, size, kernel)
		if from >= to {
			continue
		}
		if n := len(all) - 1; n >= 0 && all[n].from == from && all[n].to == to && all[n].first+all[n].count == i {
			all[n].count++
			continue
		}
		all = append(all, meeting{i, 1, from, to})
	}
	return all
}

// run adds up the filter over one group.
func (f *narrowFilter) run(c *call, group int, _ []float32) {
	g := f.g
	size := g.Filter().Size()
	sum := c.out.f32[:size]
	if f.groups > 1 {
		sum = c.work[group*size:][:size]
	}
	if !c.add {
		clear(sum)
	}
	at, end := split(g.N*g.OH, f.groups, group, 1)
	for at < end {
		image, from := at/g.OH, at%g.OH
		to := min(from+f.rows, g.OH, from+end-at)
		x, dy := c.in[0].f32[image*g.H*g.W*g.Ci:], c.in[1].f32[image*g.OH*g.OW*g.Co:]
		// The image is not what the step before has just made, and its rows are
		// met in turns.
		if top, bottom := max(0, from*g.SH-g.Top), min(g.H, (to-1)*g.SH-g.Top+g.KH); top < bottom {
			touch(x[top*g.W*g.Ci : bottom*g.W*g.Ci])
		}
		for i := range f.down {
			d := &f.down[i]
			first, last := max(from, d.first), min(to, d.first+d.count)
			for j := range f.over {
				if first < last {
					f.part(sum, x, dy, first, last-first, d, &f.over[j])
				}
			}
		}
		at += to - from
	}
}

// part adds rows of the result from the first one on, and the columns of over.
func (f *narrowFilter) part(sum, x, dy []float32, first, rows int, down, over *meeting) {
	g := f.g
	w := simd.Window{
		Rows: rows, Places: over.count, Lines: down.to - down.from, Elements: (over.to - over.from) * g.Ci, N: g.Co,
		Step: g.SW * g.Ci, Row: g.SH * g.W * g.Ci, Line: g.W * g.Ci, DYRow: g.OW * g.Co, SumLine: g.KW * g.Ci * g.Co,
	}
	x = x[((first*g.SH-g.Top+down.from)*g.W+over.first*g.SW-g.Left+over.from)*g.Ci:]
	simd.WindowGrad(&w, sum[(down.from*g.KW+over.from)*g.Ci*g.Co:], x, dy[(first*g.OW+over.first)*g.Co:])
}
