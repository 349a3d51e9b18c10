package models

import (
	"math"
	"testing"

	"hourglass/graph"
	"hourglass/kernels"
)

// TestLayerErrors pins what a user reads when layers do not fit.
func TestLayerErrors(t *testing.T) {
	tests := []struct {
		layer Layer
		in    kernels.Shape
		want  string
	}{
		{Dense{Units: 3}, kernels.Shape{28, 28, 1}, "encoder.0: dense: input [28 28 1] has 3 axes, want 1: put Flatten in front"},
		{Dense{}, kernels.Shape{4}, "encoder.0: dense: 0 units, want at least 1"},
		{Conv2D{Filters: 2, Kernel: square(5)}, kernels.Shape{3, 3, 1}, "encoder.0: conv2d: kernel of 5 rows is larger than the input's 3, 3 with its padding"},
		{Conv2D{Filters: 2, Kernel: square(3)}, kernels.Shape{9}, "encoder.0: conv2d: input [9], want [H W C]"},
		{Conv2D{Kernel: square(3)}, kernels.Shape{4, 4, 1}, "encoder.0: conv2d: filter [3 3 1 0], want [KH KW Ci Co] with at least 1 channel each"},
		{ConvTranspose2D{Filters: 2, Kernel: square(3), Stride: square(2), OutputPad: square(2)}, kernels.Shape{3, 3, 1},
			"encoder.0: transposed convolution: output padding of 2 rows, want 0 to 1, below the stride"},
		{ConvTranspose2D{Filters: 2, Kernel: square(3), Stride: square(2), Pad: kernels.Same, Size: square(7)}, kernels.Shape{3, 3, 1},
			"encoder.0: transposed convolution: conv2dinputgrad: gradient [1 3 3 1], want [1 4 4 1], the result of image [1 7 7 2] and filter [3 3 2 1]"},
		{MaxPool2D{Kernel: square(5)}, kernels.Shape{3, 3, 1}, "encoder.0: maxpool2d: kernel of 5 rows is larger than the input's 3, 3 with its padding"},
		{Reshape{To: kernels.Shape{2, 2}}, kernels.Shape{5}, "encoder.0: reshape: input [5] has 5 elements, want 4 for [2 2]"},
		{Crop2D{Size: square(4)}, kernels.Shape{3, 5, 1}, "encoder.0: crop: input [3 5 1], want [H W C] of at least 4×4, and that at least 1×1"},
		{Dropout{P: 1}, kernels.Shape{3}, "encoder.0: dropout: probability 1, want at least 0 and less than 1"},
		{GroupNorm{Groups: 3}, kernels.Shape{2, 2, 4}, "encoder.0: groupnorm: 3 groups and epsilon 0 for input [2 2 4], want groups that divide the channels, its last axis, and epsilon at least 0"},
		{BatchNorm{Momentum: 2}, kernels.Shape{4}, "encoder.0: batchnorm: momentum 2 and epsilon 0, want more than 0 and at most 1, and at least 0"},
		{Activation{Fn: kernels.Add}, kernels.Shape{4}, "encoder.0: activation: add is a function of 2 numbers, want one of 1"},
	}
	for _, test := range tests {
		b := graph.NewBuilder()
		x := b.Input("x", append(kernels.Shape{2}, test.in...)...)
		apply, _ := declare(b, "encoder", Serial{test.layer, ReLU}, test.in)
		if y := apply(x, Phase{}); y != nil {
			t.Errorf("%T made %v of what it does not accept", test.layer, y)
		}
		if err := b.Err(); err == nil || err.Error() != test.want {
			t.Errorf("%+v on %v:\n got %v\nwant %s", test.layer, test.in, err, test.want)
		}
	}
}

func TestLayerIsHeldToItsInput(t *testing.T) {
	for _, layer := range []Layer{Dense{Units: 2}, ReLU, Flatten{}, BatchNorm{}} {
		b := graph.NewBuilder()
		apply, _ := layer.On(b, kernels.Shape{3})
		apply(b.Input("x", 5, 4), Phase{Training: true})
		if b.Err() == nil {
			t.Errorf("%T for [3] accepts a batch of [4]", layer)
		}
	}
}

func TestSerialNumbersLikeTorch(t *testing.T) {
	b := graph.NewBuilder()
	_, out := declare(b, "net", Serial{Flatten{}, Dense{Units: 8}, BatchNorm{}, SiLU, Dropout{P: 0.5}, Dense{Units: 6, NoBias: true},
		Reshape{To: kernels.Shape{3, 2}}, GroupNorm{}}, kernels.Shape{2, 2, 1})
	want := []string{"net.1.weight", "net.1.bias", "net.2.weight", "net.2.bias", "net.2.running", "net.5.weight", "net.7.weight", "net.7.bias"}
	for i, p := range b.Params() {
		if i >= len(want) || p.Name != want[i] {
			t.Fatalf("variable %d is called %s, want %v", i, p.Name, want)
		}
	}
	if len(b.Params()) != len(want) || !out.Equal(kernels.Shape{3, 2}) || b.Err() != nil {
		t.Errorf("%d variables and shape %v, want %d and [3 2] (%v)", len(b.Params()), out, len(want), b.Err())
	}
}

// TestConvTransposeSize makes odd sizes of even ones: the adjoint of the
// convolution that made the even ones.
func TestConvTransposeSize(t *testing.T) {
	for _, size := range [][2]int{{7, 5}, {8, 6}, {7, 6}} {
		b := graph.NewBuilderOf(kernels.Float64)
		down, middle := Conv2D{Filters: 3, Kernel: square(3), Stride: square(2), Pad: kernels.Same, NoBias: true}.On(b, kernels.Shape{size[0], size[1], 2})
		x, y := b.Input("x", 1, size[0], size[1], 2), b.Input("y", append(kernels.Shape{1}, middle...)...)
		var up Apply
		var out kernels.Shape
		b.In("up", func() {
			up, out = ConvTranspose2D{Filters: 2, Kernel: square(3), Stride: square(2), Pad: kernels.Same, Size: size, NoBias: true}.On(b, middle)
		})
		if !out.Equal(kernels.Shape{size[0], size[1], 2}) {
			t.Fatalf("size %v of %v, want %v (%v)", out, middle, size, b.Err())
		}
		there := b.Sum(b.Mul(down(x, Phase{}), y))
		back := b.Sum(b.Mul(up(y, Phase{}), x))
		w := formula("w", 3*3*2*3, 1)
		in := feeds{x: formula("x", x.Shape().TotalSize(), 1), y: formula("y", y.Shape().TotalSize(), 1)}
		for _, p := range b.Params() {
			in[p.Node] = w
		}
		values := onTape(t, b, in, there, back)
		if d := values[0][0] - values[1][0]; !(math.Abs(d) <= 1e-12) || values[0][0] == 0 {
			t.Errorf("⟨conv x, y⟩ = %v, ⟨x, convᵀ y⟩ = %v", values[0][0], values[1][0])
		}
	}
}

// TestGroups: the largest number up to the one asked for that divides.
func TestGroups(t *testing.T) {
	for _, test := range []struct{ groups, channels, want int }{
		{0, 2, 2}, {0, 16, 8}, {0, 30, 6}, {0, 31, 1}, {0, 400, 8}, {1, 400, 1}, {3, 400, 2}, {32, 400, 25},
	} {
		if got := (Config{Groups: test.groups}).groups(test.channels); got != test.want {
			t.Errorf("%d groups asked for of %d channels: %d, want %d", test.groups, test.channels, got, test.want)
		}
	}
}

// TestSampling: pooling and interpolation are those that the config names.
func TestSampling(t *testing.T) {
	for _, test := range []struct {
		downsample, upsample string
		down, up             Layer
	}{
		{"max", "nearest", MaxPool2D{Kernel: square(2), Stride: square(2), Pad: kernels.Same}, Upsample2D{Scale: square(2), Mode: kernels.Nearest}},
		{"average", "bilinear", AvgPool2D{Kernel: square(2), Stride: square(2), Pad: kernels.Same}, Upsample2D{Scale: square(2), Mode: kernels.Bilinear}},
	} {
		m, err := New(Config{Name: "conv", Latent: 2, Downsample: test.downsample, Upsample: test.upsample})
		if err != nil {
			t.Fatal(err)
		}
		c := m.Config()
		down, up := c.down(c.Blocks[0]), c.up(c.Blocks[0], [2]int{28, 28})
		if got := down[len(down)-1]; got != test.down {
			t.Errorf("%s: %+v, want %+v", test.downsample, got, test.down)
		}
		if up[0] != test.up {
			t.Errorf("%s: %+v, want %+v", test.upsample, up[0], test.up)
		}
	}
}

func TestDropout(t *testing.T) {
	const n, p = 100000, 0.3
	b := graph.NewBuilder()
	x, step := b.Input("x", n), b.InputOf(kernels.Int32, "step", 1)
	var outs []*graph.Node
	for _, name := range []string{"a", "b"} {
		apply, _ := declare(b, name, Dropout{P: p}, kernels.Shape{})
		outs = append(outs, apply(x, Phase{Training: true, Step: step, Seed: 7}))
		if apply(x, Phase{}) != x {
			t.Error("dropout changes its input in evaluation")
		}
	}
	ones := make([]float64, n)
	for i := range ones {
		ones[i] = 1
	}
	values := onCPU(t, b, feeds{x: ones, step: {3}}, outs...)
	both := 0.0
	for k, v := range values {
		sum := 0.0
		for i, y := range v {
			if y != 0 && !(math.Abs(y-1/(1-p)) <= 1e-6) {
				t.Fatalf("an element became %v, want 0 or %v", y, 1/(1-p))
			}
			sum += y
			if k == 1 && y != 0 && values[0][i] != 0 {
				both++
			}
		}
		// five standard deviations of the mean of n scaled Bernoulli numbers
		if mean, bound := sum/n, 5*math.Sqrt(p/(1-p)/n); !(math.Abs(mean-1) <= bound) {
			t.Errorf("the mean became %v, want 1 ± %.3g", mean, bound)
		}
	}
	if share := both / n; !(math.Abs(share-(1-p)*(1-p)) <= 0.01) {
		t.Errorf("two dropouts keep %v in common, want %v: they share random numbers", share, (1-p)*(1-p))
	}
	apply, _ := declare(b, "c", Dropout{P: p}, kernels.Shape{})
	apply(x, Phase{Training: true})
	if b.Err() == nil {
		t.Error("dropout trains without a step")
	}
}

func TestBatchNormCountsABatchOnce(t *testing.T) {
	b := graph.NewBuilder()
	x := b.Input("x", 4, 3)
	apply, _ := BatchNorm{}.On(b, kernels.Shape{3})
	train := Phase{Training: true}
	once := apply(x, train)
	if again := apply(x, train); again != once || len(b.Assignments()) != 1 {
		t.Errorf("%d updates of the running statistics, want 1", len(b.Assignments()))
	}
	if apply(x, Phase{}); len(b.Assignments()) != 1 {
		t.Error("evaluation updates the running statistics")
	}
	apply(b.Input("other", 4, 3), train)
	if b.Err() == nil {
		t.Error("two inputs update the running statistics")
	}
}

func TestInitializers(t *testing.T) {
	type moments struct{ bound, mean, variance float64 }
	of := func(init graph.Init, key uint64) (m moments, v []float32) {
		v = make([]float32, 99999)
		init(v, key)
		for _, x := range v {
			m.bound = max(m.bound, math.Abs(float64(x)))
			m.mean += float64(x) / float64(len(v))
			m.variance += float64(x) * float64(x) / float64(len(v))
		}
		return m, v
	}
	for _, test := range []struct {
		name        string
		init        Initializer
		bound, bias float64
	}{{"pytorch", PyTorch, 1 / math.Sqrt(50), 1 / math.Sqrt(50)}, {"keras", Keras, math.Sqrt(6.0 / 150), 0}} {
		weight, bias := test.init(50, 100)
		for i, want := range []float64{test.bound, test.bias} {
			m, v := of([]graph.Init{weight, bias}[i], 1)
			if m.bound > want || m.bound < 0.999*want || !(math.Abs(m.mean) <= 0.01*want) || !(math.Abs(m.variance-want*want/3) <= 0.02*want*want) {
				t.Errorf("%s: %+v, want uniform numbers of bound %v", test.name, m, want)
			}
			if _, other := of([]graph.Init{weight, bias}[i], 2); want > 0 && v[0] == other[0] {
				t.Errorf("%s: two keys give the same numbers", test.name)
			}
		}
	}
}

// TestFans holds the fans of each layer to PyTorch's.
func TestFans(t *testing.T) {
	image := kernels.Shape{8, 8, 5}
	for _, test := range []struct {
		make    func(Initializer) Layer
		in      kernels.Shape
		fan     int
		reverse int
	}{
		{func(i Initializer) Layer { return Dense{Units: 7, Init: i} }, kernels.Shape{5}, 5, 7},
		{func(i Initializer) Layer { return Conv2D{Filters: 7, Kernel: [2]int{2, 3}, Init: i} }, image, 30, 42},
		{func(i Initializer) Layer { return ConvTranspose2D{Filters: 7, Kernel: [2]int{2, 3}, Init: i} }, image, 42, 30},
	} {
		var got [2]int
		layer := test.make(func(in, out int) (weight, bias graph.Init) { got = [2]int{in, out}; return Zeros, Zeros })
		layer.On(graph.NewBuilder(), test.in)
		if got != [2]int{test.fan, test.reverse} {
			t.Errorf("%T has fans %v, want %d and %d", layer, got, test.fan, test.reverse)
		}
	}
}
