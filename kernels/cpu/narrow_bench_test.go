package cpu

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"hourglass/kernels"
	"hourglass/kernels/cpu/internal/simd"
	"hourglass/kernels/kernelstest"
)

// BenchmarkNarrow says how close the kernels of images of few channels come to
// their bounds, on one thread: "near" on a few images, which are in the caches
// as a segment leaves them, "far" on more than the caches hold. %memory is the
// time that a plain reading of the operands and a plain writing of the result
// take, %peak that of the arithmetic, each by the speed found in the same run
// and as a share of the kernel's. "gated" is a forward convolution that passes
// its result back through a ReLU.
func BenchmarkNarrow(b *testing.B) {
	m := measureMemory()
	b.Run("memory", func(b *testing.B) {
		b.ReportMetric(m.read, "GB/s-read")
		b.ReportMetric(m.write, "GB/s-written")
		b.ReportMetric(0, "ns/op")
	})
	distances := []struct {
		where    string
		elements int
	}{{"near", 1 << 17}, {"far", 1 << 24}}
	layers := []benchLayer{
		{"1to32", 0, 28, 1, 32, 3, 2},
		{"T32to1", 0, 28, 1, 32, 3, 1},
		{"3to32", 0, 64, 3, 32, 3, 2},
		{"T32to3", 0, 32, 3, 32, 3, 1},
		{"3to64", 0, 32, 3, 64, 3, 1},
	}
	for _, l := range layers {
		for _, d := range distances {
			l.n = d.elements / (l.size * l.size / l.stride / l.stride * l.co)
			x, w, bias := kernels.Shape{l.n, l.size, l.size, l.ci}, kernels.Shape{l.kernel, l.kernel, l.ci, l.co}, kernels.Shape{l.co}
			conv := kernels.Conv2D{Stride: [2]int{l.stride, l.stride}, Pad: kernels.Same}
			dy, err := conv.Infer(x, w)
			if err != nil {
				b.Fatal(err)
			}
			grad := kernels.Conv2DInputGrad{Stride: conv.Stride, Pad: kernels.Same, H: l.size, W: l.size}
			filter := kernels.Conv2DFilterGrad{Stride: conv.Stride, Pad: kernels.Same, KH: l.kernel, KW: l.kernel}
			conv.Epilogue = kernels.Epilogue{Bias: true, Fn: kernels.ReLU}
			m.bench(b, l.name+"/"+d.where+"/forward", kernelstest.Case{Spec: conv, In: kernelstest.F32(x, w, bias)})
			gated := kernels.Conv2D{Stride: conv.Stride, Pad: kernels.Same, Epilogue: kernels.Epilogue{Grad: kernels.ReLUGrad}}
			m.bench(b, l.name+"/"+d.where+"/gated", kernelstest.Case{Spec: gated, In: kernelstest.F32(x, w, dy)})
			m.bench(b, l.name+"/"+d.where+"/inputgrad", kernelstest.Case{Spec: grad, In: kernelstest.F32(dy, w)})
			m.bench(b, l.name+"/"+d.where+"/filtergrad", kernelstest.Case{Spec: filter, In: kernelstest.F32(x, dy)})
		}
	}
	for _, d := range distances {
		n := d.elements / (64 * 64 * 8)
		x := kernels.Shape{n, 64, 64, 3}
		m.bench(b, "sum/"+d.where, kernelstest.Case{Spec: kernels.Sum{Axes: kernels.AxesOf(0, 1, 2)}, In: kernelstest.F32(x)})
		m.bench(b, "bcelogits/"+d.where, kernelstest.Case{Spec: kernels.Binary{Fn: kernels.BCELogits}, In: kernelstest.F32(x, x)})
		m.bench(b, "gather/"+d.where, kernelstest.Case{
			Spec: kernels.Gather{Scale: 1. / 255},
			In:   []kernels.Operand{{DType: kernels.Uint8, Shape: x}, {DType: kernels.Int32, Shape: kernels.Shape{n}}},
			Fill: []kernelstest.Fill{kernelstest.Integers(256), inOrder},
		})
	}
}

// memorySpeed is bytes a nanosecond that one thread reads, writes and computes
// at best: floating-point operations for the last.
type memorySpeed struct{ read, write, peak float64 }

// measureMemory streams through an array several times as large as the caches,
// and takes the best of many pieces, as other programs on the machine only ever
// slow it down.
func measureMemory() memorySpeed {
	x := make([]float32, 1<<26)
	const piece = 1 << 21
	best := func(f func(x []float32)) float64 {
		least := time.Hour
		for range 3 {
			for at := 0; at < len(x); at += piece {
				start := time.Now()
				f(x[at:][:piece])
				least = min(least, time.Since(start))
			}
		}
		return 4 * piece / float64(least.Nanoseconds())
	}
	return memorySpeed{
		write: best(func(x []float32) { clear(x) }), // first, so that all pages are there to be read
		read:  max(best(func(x []float32) { touch(x) }), best(func(x []float32) { simd.Sum(x) })),
		peak:  Peak(1, 20*time.Millisecond) / 1e9,
	}
}

func inOrder(_ *rand.Rand, to []float64) {
	for i := range to {
		to[i] = float64(i)
	}
}

func (m memorySpeed) bench(b *testing.B, name string, k kernelstest.Case) {
	b.Run(name, func(b *testing.B) {
		bound := bind(b, open(b, Options{Threads: 1}), k)
		read, flops, shapes := 0, int64(0), []kernels.Shape{}
		for _, o := range k.In {
			read, shapes = read+o.Bytes(), append(shapes, o.Shape)
		}
		if c, ok := k.Spec.(kernels.Counted); ok {
			flops = c.Flops(bound.Out.Shape, shapes...)
		}
		best := time.Duration(math.MaxInt64)
		for b.Loop() {
			start := time.Now()
			bound.Run()
			best = min(best, time.Since(start))
		}
		ns := float64(best.Nanoseconds())
		b.ReportMetric(float64(read+bound.Out.Bytes())/ns, "GB/s")
		b.ReportMetric(100*(float64(read)/m.read+float64(bound.Out.Bytes())/m.write)/ns, "%memory")
		b.ReportMetric(100*float64(flops)/m.peak/ns, "%peak")
		b.ReportMetric(0, "ns/op")
	})
}
