package cpu

import (
	"hourglass/kernels"
	"hourglass/kernels/cpu/internal/simd"
)

// lastLayer is the plan of a Conv2D or a Conv2DInputGrad to few channels, as the
// last layer of a net has: of stride 1 to one channel, or a transposed
// convolution of stride 2 to up to simd.MaxSpread. A source place, which has
// many channels, is loaded once for all columns of the filter. As in
// correlation, rows of the result that meet the same rows of the filter are
// computed together, and what lies outside the source is left out.
//
// BenchmarkNarrow found 91 to 92% of the multiply-add peak from 32 channels to
// one where the source is in the caches, and of stride 2 68 to 69% to one and 72
// to 74% to three: there a sum over the lanes of a vector comes with fewer
// multiply-adds. Where caches do not hold the source, they run at 96 to 101, 62
// and 46% of memory's speed. By simd.Dot it was 55, 32 and 56% of the peak, and
// 45, 29 and 21% of memory's speed.
type lastLayer struct {
	src, dst kernels.Shape // [N H W C]
	spread   bool          // of stride 2
	rows     axis
	taps     [][]simd.Tap // by span of the rows
	strip    simd.Strip
	epilogue epilogue

	tasks, unit, together int // as in correlation
}

// Limits of the choice and of the cut of a last layer.
const (
	lastChannels = 16      // the fewest of the source
	lastImages   = 1 << 16 // about as many elements of the source's images as stay in the second-level cache
)

// fitsLast reports whether a correlation's result is better computed by a
// lastLayer: the filter lies on the source but for one column at each border.
func fitsLast(g *kernels.ConvGeometry, grad bool, p Precision) bool {
	if p != Float32 || g.KW != 3 || g.Filter().Size() == 0 || g.N*g.H*g.W*g.OH*g.OW == 0 {
		return false
	}
	rows, before, channels := forwardAxis(g.H, g.OH, g.KH, g.SH, g.Top), g.Left, [2]int{g.Ci, g.Co}
	src, dst := g.W, g.OW
	if grad {
		rows, before, channels = backwardAxis(g.OH, g.H, g.KH, g.SH, g.Top), g.KW-1-g.Left, [2]int{g.Co, g.Ci}
		src, dst = g.OW, g.W
	}
	for _, s := range rows.spans {
		if s.taps == 0 {
			return false
		}
	}
	switch {
	case channels[0] < lastChannels:
		return false
	case g.SW == 1:
		return channels[1] == 1 && (before == 0 || before == 1) && dst+2-before <= src+1
	case g.SW == 2:
		return grad && channels[1] <= simd.MaxSpread && g.Left == 0 && dst == 2*src
	}
	return false
}

func newLastLayer(g *kernels.ConvGeometry, grad bool, e kernels.Epilogue) kernel {
	v := &lastLayer{src: g.Image(), dst: g.Result(), epilogue: newEpilogue(e)}
	v.rows = forwardAxis(g.H, g.OH, g.KH, g.SH, g.Top)
	v.strip.Before = g.Left
	if grad {
		v.src, v.dst = v.dst, v.src
		v.rows = backwardAxis(g.OH, g.H, g.KH, g.SH, g.Top)
		v.strip.Before = g.KW - 1 - g.Left
	}
	v.spread = g.SW == 2
	c, n := v.src[3], v.dst[3]
	v.strip.C, v.strip.N, v.strip.Width, v.strip.Act = c, n, v.src[2], v.epilogue.act
	v.strip.Image, v.strip.DstImage = v.src[1:].Size(), v.dst[1:].Size()
	v.strip.Places = v.dst[2]
	if v.spread {
		v.strip.Places = v.src[2]
	}
	// The filter is as the kernels want it. That of a gradient lies on the
	// source the other way round.
	first := 0
	v.strip.Column = c
	if grad && !v.spread {
		first, v.strip.Column = 2*c, -c
	}
	for _, s := range v.rows.spans {
		var taps []simd.Tap
		for i, k := range v.rows.taps[s.phase][s.tap : s.tap+s.taps] {
			taps = append(taps, simd.Tap{A: i * v.src[2] * c, B: k*g.KW*n*c + first})
		}
		v.taps = append(v.taps, taps)
	}
	v.tasks, v.unit = rowTasks(g, v.dst)
	v.together = max(1, lastImages/v.src[1:].Size())
	return single(v.tasks, v.run)
}

// run computes the rows of a task, some whole images at a time.
func (v *lastLayer) run(c *call, task int, _ []float32) {
	height, row := v.dst[1], v.dst[2]*v.dst[3]
	at, end := split(v.dst[0]*height, v.tasks, task, v.unit)
	for at < end {
		b := box{at / height, 1, at % height, min(height, at%height+end-at)}
		if b.from == 0 {
			b.images = max(1, min(v.together, (end-at)/height))
		}
		for i := range v.rows.spans {
			v.part(c, b, i)
		}
		n := (b.images-1)*height + b.to - b.from
		v.epilogue.finish(c, at*row, n*row)
		at += n
	}
}

// part computes those rows of a span that lie in the box.
func (v *lastLayer) part(c *call, b box, span int) {
	s := &v.rows.spans[span]
	first, rows := s.within(b.from, b.to)
	if rows == 0 {
		return
	}
	srcRow, dstRow := v.src[2]*v.src[3], v.dst[2]*v.dst[3]
	p := v.strip
	p.Images, p.Rows, p.Row, p.DstRow = b.images, rows, s.step*srcRow, s.every*dstRow
	dst := c.out.f32[(b.image*v.dst[1]+s.first+first*s.every)*dstRow:]
	src := c.in[0].f32[(b.image*v.src[1]+s.start+first*s.step)*srcRow:]
	bias := v.epilogue.biasFrom(c, 0)
	if v.spread {
		simd.Spread(&p, dst, src, c.in[1].f32, bias, v.taps[span])
		return
	}
	var b0 float32
	if bias != nil {
		b0 = bias[0]
	}
	simd.Slide(&p, dst, src, c.in[1].f32, b0, v.taps[span])
}
