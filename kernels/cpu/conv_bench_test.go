package cpu

import (
	"fmt"
	"math"
	"runtime"
	"sync"
	"testing"
	"time"

	"hourglass/kernels"
	"hourglass/kernels/kernelstest"
)

// benchLayer is a convolution whose three kernels are timed. For a transposed
// convolution the forward pass is the input gradient of the layer given here.
type benchLayer struct {
	name                            string
	n, size, ci, co, kernel, stride int
}

var benchLayers = []benchLayer{
	{"seed/conv1to32", 128, 28, 1, 32, 3, 2},
	{"seed/conv32to64", 128, 14, 32, 64, 3, 2},
	{"seed/convT64to64", 128, 14, 64, 64, 3, 2},
	{"seed/convT64to32", 128, 28, 32, 64, 3, 2},
	{"seed/convT32to1", 128, 28, 1, 32, 3, 1},
	{"vae64/conv3to32", 64, 64, 3, 32, 3, 2},
	{"vae64/conv32to64", 64, 32, 32, 64, 3, 2},
	{"vae64/conv64to128", 64, 16, 64, 128, 3, 2},
	{"vae64/conv128to256", 64, 8, 128, 256, 3, 2},
	{"deep/conv3to64", 128, 32, 3, 64, 3, 1},
	{"deep/conv64to64", 128, 32, 64, 64, 3, 1},
	{"deep/conv64to64s2", 128, 32, 64, 64, 3, 2},
	{"deep/conv64to128", 128, 16, 64, 128, 3, 1},
	{"deep/conv128to128s2", 128, 16, 128, 128, 3, 2},
	{"deep/conv128to128", 128, 16, 128, 128, 3, 1},
	{"deep/conv128to256", 128, 8, 128, 256, 3, 1},
	{"deep/conv256to256", 128, 8, 256, 256, 3, 1},
	{"deep/conv256to256s2", 128, 8, 256, 256, 3, 2},
	{"conv1d/1to16", 64, 4096, 1, 16, 9, 4},
	{"conv1d/16to32", 64, 1024, 16, 32, 9, 4},
}

func BenchmarkConv(b *testing.B) {
	for _, l := range benchLayers {
		x, w := kernels.Shape{l.n, l.size, l.size, l.ci}, kernels.Shape{l.kernel, l.kernel, l.ci, l.co}
		if l.name[:6] == "conv1d" {
			x[1], w[0] = 1, 1
		}
		stride := [2]int{l.stride, l.stride}
		conv := kernels.Conv2D{Stride: stride, Pad: kernels.Same}
		dy, err := conv.Infer(x, w)
		if err != nil {
			b.Fatal(err)
		}
		bench(b, l.name+"/forward", conv, x, w)
		bench(b, l.name+"/inputgrad", kernels.Conv2DInputGrad{Stride: stride, Pad: kernels.Same, H: x[1], W: x[2]}, dy, w)
		bench(b, l.name+"/filtergrad", kernels.Conv2DFilterGrad{Stride: stride, Pad: kernels.Same, KH: w[0], KW: w[1]}, x, dy)
	}
}

func BenchmarkMatMul(b *testing.B) {
	for _, s := range [][3]int{{128, 784, 128}, {256, 784, 128}, {256, 128, 32}, {128, 3136, 2}, {128, 2, 3136}, {1, 784, 128}, {512, 512, 512}, {5000, 400, 784}, {20000, 40, 400}, {8192, 512, 512}} {
		m, k, n := s[0], s[1], s[2]
		name := fmt.Sprintf("%d×%dto%d", m, k, n)
		bench(b, name+"/forward", kernels.MatMul{}, kernels.Shape{m, k}, kernels.Shape{k, n})
		bench(b, name+"/inputgrad", kernels.MatMul{TransB: true}, kernels.Shape{m, n}, kernels.Shape{k, n})
		bench(b, name+"/filtergrad", kernels.MatMul{TransA: true}, kernels.Shape{m, k}, kernels.Shape{m, n})
	}
}

// benchPeak is the float32 multiply-add peak of all processors, measured once.
// Winograd's transforms need fewer operations than the definition that is
// counted, and bfloat16 does two at once, so shares of it can pass 100.
var benchPeak = sync.OnceValue(func() float64 { return Peak(runtime.GOMAXPROCS(0), 50*time.Millisecond) })

// bench times a launch and reports the speed of the fastest one: other programs
// on the machine only ever slow it down.
func bench(b *testing.B, name string, s kernels.Spec, in ...kernels.Shape) {
	benchIn(b, Float32, name, s, in...)
}

func benchIn(b *testing.B, p Precision, name string, s kernels.Spec, in ...kernels.Shape) {
	b.Run(name, func(b *testing.B) {
		bound := bind(b, open(b, Options{Precision: p}), kernelstest.Case{Spec: s, In: kernelstest.F32(in...)})
		flops := s.(kernels.Counted).Flops(bound.Out.Shape, in...)
		best := time.Duration(math.MaxInt64)
		for b.Loop() {
			start := time.Now()
			bound.Run()
			best = min(best, time.Since(start))
		}
		reached := float64(flops) / best.Seconds()
		b.ReportMetric(reached/1e9, "GFLOP/s")
		b.ReportMetric(100*reached/benchPeak(), "%peak")
	})
}

// BenchmarkBF16 is BenchmarkConv's middle layers of the reference nets with
// products of bfloat16.
func BenchmarkBF16(b *testing.B) {
	for _, l := range benchLayers[1:4] {
		x, w := kernels.Shape{l.n, l.size, l.size, l.ci}, kernels.Shape{l.kernel, l.kernel, l.ci, l.co}
		stride := [2]int{l.stride, l.stride}
		conv := kernels.Conv2D{Stride: stride, Pad: kernels.Same}
		dy, err := conv.Infer(x, w)
		if err != nil {
			b.Fatal(err)
		}
		for _, p := range []Precision{Float32, BF16} {
			name := l.name + "/" + p.String()
			benchIn(b, p, name+"/forward", conv, x, w)
			benchIn(b, p, name+"/inputgrad", kernels.Conv2DInputGrad{Stride: stride, Pad: kernels.Same, H: x[1], W: x[2]}, dy, w)
			benchIn(b, p, name+"/filtergrad", kernels.Conv2DFilterGrad{Stride: stride, Pad: kernels.Same, KH: w[0], KW: w[1]}, x, dy)
		}
	}
	for _, p := range []Precision{Float32, BF16} {
		benchIn(b, p, "256×784to128/"+p.String(), kernels.MatMul{}, kernels.Shape{256, 784}, kernels.Shape{784, 128})
		benchIn(b, p, "512×512to512/"+p.String()+"/filtergrad", kernels.MatMul{TransA: true}, kernels.Shape{512, 512}, kernels.Shape{512, 512})
	}
}
