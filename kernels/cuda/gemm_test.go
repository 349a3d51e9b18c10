//go:build gpu

package cuda

import (
	"math"
	"slices"
	"strings"
	"testing"

	"hourglass/kernels"
	"hourglass/kernels/kernelstest"
)

// rounding is an operation on tensor cores: its reference rounds the two first
// operands, too. Held to it, a device must err no more than float32 sums do.
type rounding struct {
	kernels.Spec
	precision Precision
}

func (s rounding) Ref(out kernels.Array, in ...kernels.Array) {
	in = slices.Clone(in)
	for i := range in[:2] {
		in[i].Data = slices.Clone(in[i].Data)
		for j, v := range in[i].Data {
			in[i].Data[j] = float64(s.precision.round(float32(v)))
		}
	}
	s.Spec.Ref(out, in...)
}

// round returns what tensor cores get of a number: for TF32 that of nearTF32 in
// gemm.cuh, the nearest bfloat16 with ties to even.
func (p Precision) round(x float32) float32 {
	u := math.Float32bits(x)
	switch {
	case x-x != 0:
	case p == TF32:
		u = math.Float32bits(x*1.00033844) &^ 0x1fff
	case p == BF16:
		u = (u + 0x7fff + u>>16&1) &^ 0xffff
	}
	return math.Float32frombits(u)
}

// roundingDevice is a device that is asked for operations that round.
type roundingDevice struct{ *Device }

func (d roundingDevice) Prepare(s kernels.Spec, out kernels.Operand, in ...kernels.Operand) (kernels.Launch, error) {
	if r, ok := s.(rounding); ok {
		s = r.Spec
	}
	return d.Device.Prepare(s, out, in...)
}

// check holds a device to a case whose products it rounds, unless direct
// kernels compute it.
func check(t *testing.T, d *Device, c kernelstest.Case) {
	t.Helper()
	if p := d.multiplies(); p != Float32 && !isDirect(t, c) {
		c.Spec = rounding{c.Spec, p}
	}
	if err := kernelstest.Check(roundingDevice{d}, c); err != nil {
		t.Errorf("%v: %v", c, err)
	}
}

func isDirect(t *testing.T, c kernelstest.Case) bool {
	t.Helper()
	_, direct, err := productsOf(c.Spec, shapes(c.In))
	if err != nil {
		t.Fatal(err)
	}
	return direct
}

// productCases are the cases of the operations on tensor cores.
func productCases() (cases []kernelstest.Case) {
	for _, c := range kernelstest.Cases() {
		switch c.Spec.(type) {
		case kernels.Conv2D, kernels.Conv2DInputGrad, kernels.Conv2DFilterGrad, kernels.MatMul:
			cases = append(cases, c)
		}
	}
	return cases
}

// TestProducts holds products on tensor cores to references that round as they
// do, each precision on every other case, and on another fourth of them those of
// warpgroups where they can have the case. TestKernels has those of float32.
func TestProducts(t *testing.T) {
	for _, p := range []Precision{TF32, BF16} {
		for _, only := range []string{"", "wgmma 128x128"} {
			t.Run(strings.TrimSpace(p.String()+" "+only), func(t *testing.T) {
				d := openHopper(t, p)
				d.onlyTile = only
				for i, c := range productCases() {
					if only == "" && i%2 == int(p)/2 || only != "" && i%4 == 1+int(p) {
						check(t, d, c)
					}
				}
			})
		}
	}
}

// openHopper opens a device that has wgmma, where it is the emulated driver's.
func openHopper(t *testing.T, p Precision) *Device {
	t.Helper()
	t.Setenv("HOURGLASS_EMULATED", "capability=90")
	return openEmulated(t, Options{Precision: p})
}

// TestTiles holds every tile of every precision to the references, on shapes
// that fill some tiles and leave others in part.
func TestTiles(t *testing.T) {
	for _, p := range []Precision{Float32, TF32, BF16} {
		d := openHopper(t, p)
		for _, tile := range tiles[p] {
			t.Run(p.String()+" "+tile.String(), func(t *testing.T) {
				if tile.wgmma && !d.hasWarpgroups() {
					t.Skip("the card has no wgmma")
				}
				d.onlyTile = tile.String()
				for _, c := range tileCases() {
					check(t, d, c)
				}
			})
		}
	}
}

// TestSplits has as many multiprocessors as an H200, so that sums are cut into
// parts.
func TestSplits(t *testing.T) {
	d := openEmulated(t, Options{})
	d.info.Multiprocessors = 132
	cut := 0
	for _, c := range tileCases() {
		check(t, d, c)
		out, err := kernels.Infer(c.Spec, c.In...)
		if err != nil {
			t.Fatal(err)
		}
		l, err := d.Prepare(c.Spec, out, c.In...)
		if err != nil {
			t.Fatal(err)
		}
		if l.Workspace > 0 {
			cut++
		}
	}
	if cut < 3 {
		t.Errorf("the sums of %d cases are cut into parts, want at least 3", cut)
	}
}

func tileCases() (cases []kernelstest.Case) {
	add := func(s kernels.Spec, in ...kernels.Shape) {
		cases = append(cases, kernelstest.Case{Spec: s, In: kernelstest.F32(in...), Padded: 2})
	}
	e := kernels.Epilogue{Bias: true, Fn: kernels.ReLU}
	add(kernels.MatMul{Epilogue: e}, kernels.Shape{140, 72}, kernels.Shape{72, 136}, kernels.Shape{136})
	add(kernels.MatMul{}, kernels.Shape{260, 100}, kernels.Shape{100, 132})
	add(kernels.MatMul{Epilogue: kernels.Epilogue{Bias: true, Fn: kernels.GELU}}, kernels.Shape{70, 36}, kernels.Shape{36, 68}, kernels.Shape{68})
	add(kernels.MatMul{TransB: true}, kernels.Shape{140, 132}, kernels.Shape{136, 132})
	add(kernels.MatMul{TransA: true}, kernels.Shape{300, 140}, kernels.Shape{300, 68})
	add(kernels.MatMul{TransA: true, TransB: true}, kernels.Shape{72, 68}, kernels.Shape{36, 72})
	conv := kernels.Conv2D{Stride: [2]int{2, 2}, Pad: kernels.Same, Epilogue: e}
	add(conv, kernels.Shape{2, 15, 18, 8}, kernels.Shape{3, 3, 8, 36}, kernels.Shape{36})
	add(kernels.Conv2DInputGrad{Stride: [2]int{2, 2}, Pad: kernels.Same, H: 15, W: 18, Epilogue: kernels.Epilogue{Grad: kernels.ReLUGrad}},
		kernels.Shape{2, 8, 9, 12}, kernels.Shape{3, 3, 40, 12}, kernels.Shape{2, 15, 18, 40})
	add(kernels.Conv2DFilterGrad{Pad: kernels.Same, KH: 3, KW: 3}, kernels.Shape{3, 9, 10, 16}, kernels.Shape{3, 9, 10, 20})
	// taps inside groups of channels
	add(kernels.Conv2D{Pad: kernels.Same}, kernels.Shape{1, 5, 6, 64}, kernels.Shape{3, 3, 64, 12})
	add(kernels.Conv2DInputGrad{Stride: [2]int{2, 2}, Pad: kernels.Same, H: 8, W: 6}, kernels.Shape{2, 4, 3, 96}, kernels.Shape{4, 3, 20, 96})
	return cases
}

// TestManyPhases has strides beyond what one launch takes.
func TestManyPhases(t *testing.T) {
	d := openEmulated(t, Options{Precision: Float32})
	check(t, d, kernelstest.Case{
		Spec: kernels.Conv2DInputGrad{Stride: [2]int{9, 11}, H: 20, W: 25},
		In:   kernelstest.F32(kernels.Shape{2, 2, 2, 5}, kernels.Shape{10, 12, 6, 5}), Padded: 2,
	})
}
