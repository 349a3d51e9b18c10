package cpu

import (
	"hourglass/kernels"
	"hourglass/kernels/cpu/internal/simd"
)

// firstLayer is the plan of a Conv2D of an image of one channel by a filter of
// 3×3, which fits into registers with two vectors of result channels: the first
// layer of a net, and the gradient of a last one by its input. As in
// narrowFilter, result rows and columns that meet the same part of the filter
// are computed together, and what lies outside the image is left out.
//
// BenchmarkNarrow found from one channel to 32 where the result stays in the
// caches 88 to 89% of the multiply-add peak for stride 2, 80 to 81% for stride
// 1, and 68 to 76% with a gate to read; where caches do not hold the result, 80
// to 100% of memory's speed, and more for stride 2. By simd.Gemm it was 72 and
// 61% of the peak, and 26 to 35% of memory's speed. An image of three channels,
// which has 27 multiply-adds to each element of the result, stays with
// simd.Gemm, at 87 to 88% of the peak.
type firstLayer struct {
	g          *kernels.ConvGeometry
	down, over []meeting
	epilogue   epilogue
	gate       int  // as in correlation
	stream     bool // the result goes past the caches

	tasks, unit, together int // as in correlation
}

// Limits of the choice and of the cut of a first layer.
const (
	firstPlaces = 6       // the fewest neighbouring places that meet the same columns of the filter
	firstImages = 1 << 16 // about the elements of the result's images that are computed at a time
	streamSize  = 1 << 23 // elements of a result of which too little would be left in the caches for what comes next
)

// fitsFirst reports whether a convolution is better computed by a firstLayer:
// the filter has as many elements as its kernels take, two vectors of channels
// go together or there is but one, and a row has places enough that meet all of
// the filter.
func fitsFirst(g *kernels.ConvGeometry, p Precision) bool {
	vectors := (g.Co + vector - 1) / vector
	if p != Float32 || g.KH != simd.ConvolveLines || g.KW*g.Ci != simd.ConvolveElements ||
		g.Co < vector || vectors > 1 && vectors%2 == 1 {
		return false
	}
	down, over := meetings(g.OH, g.SH, g.Top, g.H, g.KH), meetings(g.OW, g.SW, g.Left, g.W, g.KW)
	_, rows := met(down)
	widest, columns := met(over)
	return rows == g.OH && columns == g.OW && widest >= firstPlaces
}

// met returns the places of the longest run, and of all runs.
func met(all []meeting) (longest, places int) {
	for _, m := range all {
		longest, places = max(longest, m.count), places+m.count
	}
	return longest, places
}

func newFirstLayer(g *kernels.ConvGeometry, e kernels.Epilogue) kernel {
	v := &firstLayer{g: g, epilogue: newEpilogue(e)}
	v.down = meetings(g.OH, g.SH, g.Top, g.H, g.KH)
	v.over = meetings(g.OW, g.SW, g.Left, g.W, g.KW)
	if v.epilogue.fn == kernels.ReLUGrad {
		v.gate, v.epilogue.fn = v.epilogue.y, kernels.Copy
	}
	v.stream = g.Result().Size() >= streamSize && v.epilogue.fn == kernels.Copy
	v.tasks, v.unit = rowTasks(g, g.Result())
	v.together = max(1, firstImages/g.Result()[1:].Size())
	return single(v.tasks, v.run)
}

// run computes the rows of a task, some whole images at a time.
func (v *firstLayer) run(c *call, task int, _ []float32) {
	g := v.g
	row := g.OW * g.Co
	at, end := split(g.N*g.OH, v.tasks, task, v.unit)
	for at < end {
		b := box{at / g.OH, 1, at % g.OH, min(g.OH, at%g.OH+end-at)}
		if b.from == 0 {
			b.images = max(1, min(v.together, (end-at)/g.OH))
		}
		for i := range v.down {
			for j := range v.over {
				v.part(c, b, &v.down[i], &v.over[j])
			}
		}
		n := (b.images-1)*g.OH + b.to - b.from
		v.epilogue.finish(c, at*row, n*row)
		at += n
	}
}

// part computes the rows of down that lie in the box, and the columns of over.
func (v *firstLayer) part(c *call, b box, down, over *meeting) {
	g := v.g
	first := max(b.from, down.first)
	rows := min(b.to, down.first+down.count) - first
	if rows <= 0 {
		return
	}
	f := simd.Convolution{
		Images: b.images, Rows: rows, Places: over.count, Lines: down.to - down.from, Elements: (over.to - over.from) * g.Ci, N: g.Co,
		Image: g.H * g.W * g.Ci, Row: g.SH * g.W * g.Ci, Step: g.SW * g.Ci, Line: g.W * g.Ci, FilterLine: g.KW * g.Ci * g.Co,
		DstImage: g.OH * g.OW * g.Co, DstRow: g.OW * g.Co, DstStep: g.Co, Act: v.epilogue.act, Stream: v.stream,
	}
	if f.Places < f.Rows { // a column at a border
		f.Places, f.Step, f.DstStep, f.Rows, f.Row, f.DstRow = f.Rows, f.Row, f.DstRow, f.Places, f.Step, f.DstStep
	}
	x := c.in[0].f32[((b.image*g.H+first*g.SH-g.Top+down.from)*g.W+over.first*g.SW-g.Left+over.from)*g.Ci:]
	filter := c.in[1].f32[(down.from*g.KW+over.from)*g.Ci*g.Co:]
	at := ((b.image*g.OH+first)*g.OW + over.first) * g.Co
	var gate []float32
	if v.gate != 0 {
		gate = c.in[v.gate].f32[at:]
	}
	simd.Convolve(&f, c.out.f32[at:], x, filter, v.epilogue.biasFrom(c, 0), gate)
}
