package cuda

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"hourglass/kernels"
	"hourglass/kernels/cuda/driver"
)

// TestDivisor divides as the kernels do.
func TestDivisor(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, d := range []int{1, 2, 3, 5, 6, 7, 9, 28, 127, 128, 641, 3136, 1<<20 + 7, 1<<30 - 1, 1<<31 - 1} {
		by := divisorOf(d)
		if by.multiplier >= 1<<32 {
			t.Fatalf("the multiplier of %d is %d, want 32 bits", d, by.multiplier)
		}
		for i := range 2000 {
			n := r.Int64N(1 << 31)
			switch {
			case i == 0:
				n = 1<<31 - 1
			case i%2 == 1: // about a multiple
				n = max(0, n/int64(d)*int64(d)-int64(i)%3%2)
			}
			if got := int64(uint64(n) * uint64(by.multiplier) >> by.shift); got != n/int64(d) {
				t.Fatalf("%d/%d is %d, want %d", n, d, got, n/int64(d))
			}
		}
	}
}

// TestChoose holds the choice of tiles for an H200 to what it is there for:
// large products get large tiles, small results split sums, and parts cover
// them.
func TestChoose(t *testing.T) {
	filterGrad := func(n, size, ci, co int) *product {
		s := kernels.Conv2DFilterGrad{Pad: kernels.Same, KH: 3, KW: 3}
		g, err := s.Geometry(kernels.Shape{n, size, size, ci}, kernels.Shape{n, size, size, co})
		if err != nil {
			t.Fatal(err)
		}
		return conv2DFilterGradProduct(g)
	}
	for _, c := range []struct {
		name    string
		product *product
		tile    string // "" for any
		splits  bool
	}{
		{"a large matrix product", matMulProduct(kernels.MatMul{}, 4096, 4096, 4096), "128x128", false},
		{"a product with odd rows", matMulProduct(kernels.MatMul{}, 4096, 4096, 4095), "64x64", false},
		{"a small result of long sums", matMulProduct(kernels.MatMul{}, 128, 2, 3136), "64x32", true},
		{"a filter gradient", filterGrad(128, 32, 64, 64), "128x64", true},
		{"both transposed", matMulProduct(kernels.MatMul{TransA: true, TransB: true}, 512, 512, 512), "64x32", false},
		{"an empty sum", matMulProduct(kernels.MatMul{}, 512, 512, 0), "", false},
	} {
		for _, p := range []Precision{TF32, BF16} {
			got := c.product.choose(card{p, 132, 227 << 10, false}, false, "")
			if c.tile != "" && got.tile.name != c.tile {
				t.Errorf("%s in %v gets tiles of %s, want %s", c.name, p, got.tile.name, c.tile)
			}
			if got.splits > 1 != c.splits {
				t.Errorf("%s in %v is split into %d parts, want more than one: %v", c.name, p, got.splits, c.splits)
			}
			_, k := c.product.sizes()
			if stages := ceil(k, got.tile.depth); got.splits*got.splitTiles < stages || (got.splits-1)*got.splitTiles >= max(1, stages) {
				t.Errorf("%s in %v: %d parts of %d stages for %d", c.name, p, got.splits, got.splitTiles, stages)
			}
		}
	}
}

// TestChooseWarpgroups holds the choice of wgmma on an H200 to where it wins:
// large tiles, of which there are enough for all multiprocessors.
func TestChooseWarpgroups(t *testing.T) {
	conv := func(n, size, ci, co int) *product {
		s := kernels.Conv2D{Pad: kernels.Same}
		g, err := s.Geometry(kernels.Shape{n, size, size, ci}, kernels.Shape{3, 3, ci, co})
		if err != nil {
			t.Fatal(err)
		}
		return conv2DProducts(s, g)[0]
	}
	for _, c := range []struct {
		name    string
		product *product
		tile    string
	}{
		{"a large matrix product", matMulProduct(kernels.MatMul{}, 4096, 4096, 4096), "wgmma 256x128"},
		{"a transposed one", matMulProduct(kernels.MatMul{TransB: true}, 4096, 4096, 4096), "wgmma 256x128"},
		{"the other transposed", matMulProduct(kernels.MatMul{TransA: true}, 4096, 4096, 4096), "wgmma 256x128"},
		{"a convolution of 128 channels", conv(128, 16, 128, 128), "wgmma 256x128"},
		{"a product with odd rows", matMulProduct(kernels.MatMul{}, 4096, 4096, 4095), "64x64"},
		{"both transposed", matMulProduct(kernels.MatMul{TransA: true, TransB: true}, 512, 512, 512), "64x32"},
		{"a small product", matMulProduct(kernels.MatMul{}, 128, 32, 128), "64x32"},
	} {
		for _, p := range []Precision{TF32, BF16} {
			if got := c.product.choose(card{p, 132, 227 << 10, true}, false, ""); got.tile.String() != c.tile {
				t.Errorf("%s in %v gets tiles of %v in %d parts, want %s", c.name, p, got.tile, got.splits, c.tile)
			}
			if got := c.product.choose(card{p, 132, 227 << 10, false}, false, ""); got.tile.wgmma {
				t.Errorf("%s in %v gets %v of a card that has no wgmma", c.name, p, got.tile)
			}
		}
	}
}

// TestUnitOf asks what multiplies on an H200 and on older cards.
func TestUnitOf(t *testing.T) {
	h200 := driver.Info{Capability: 90, Multiprocessors: 132, SharedPerBlock: 227 << 10}
	a100 := driver.Info{Capability: 80, Multiprocessors: 108, SharedPerBlock: 163 << 10}
	t4 := driver.Info{Capability: 75, Multiprocessors: 40, SharedPerBlock: 64 << 10}
	wide, narrow := kernels.Shape{128, 16, 16, 128}, kernels.Shape{128, 16, 16, 3}
	conv := kernels.Conv2D{Pad: kernels.Same}
	filter := kernels.Conv2DFilterGrad{Pad: kernels.Same, KH: 3, KW: 3}
	for _, c := range []struct {
		spec kernels.Spec
		in   []kernels.Shape
		p    Precision
		on   driver.Info
		want Unit
	}{
		{conv, []kernels.Shape{wide, {3, 3, 128, 128}}, TF32, h200, Warpgroups},
		{conv, []kernels.Shape{wide, {3, 3, 128, 128}}, BF16, h200, Warpgroups},
		{conv, []kernels.Shape{wide, {3, 3, 128, 128}}, Float32, h200, CUDACores},
		{conv, []kernels.Shape{wide, {3, 3, 128, 128}}, TF32, a100, TensorCores},
		{conv, []kernels.Shape{wide, {3, 3, 128, 128}}, TF32, t4, CUDACores},
		{conv, []kernels.Shape{narrow, {3, 3, 3, 128}}, TF32, h200, CUDACores},
		{conv, []kernels.Shape{{0, 16, 16, 128}, {3, 3, 128, 128}}, TF32, h200, CUDACores},
		{filter, []kernels.Shape{wide, wide}, TF32, h200, Warpgroups},
		{filter, []kernels.Shape{wide, narrow}, TF32, h200, CUDACores},
		{kernels.Conv2DInputGrad{Pad: kernels.Same, H: 16, W: 16}, []kernels.Shape{wide, {3, 3, 128, 128}}, TF32, h200, Warpgroups},
		{kernels.MatMul{}, []kernels.Shape{{128, 784}, {784, 32}}, TF32, h200, TensorCores},
	} {
		if got, err := UnitOf(c.spec, c.in, c.p, c.on); err != nil || got != c.want {
			t.Errorf("%s of %v in %v at %d: unit %v (error %v), want %v", c.spec.Name(), c.in, c.p, c.on.Capability, got, err, c.want)
		}
	}
	if _, err := UnitOf(kernels.Sum{}, []kernels.Shape{wide}, TF32, h200); !errors.Is(err, kernels.ErrUnsupported) {
		t.Errorf("a sum gives the error %v, want that it multiplies nothing", err)
	}
	if _, err := UnitOf(conv, []kernels.Shape{wide, wide}, TF32, h200); err == nil {
		t.Error("shapes that do not fit give no error")
	}
}

// TestTilesFit holds every tile to the shared memory that cards of its precision
// have, and to what its kernels' file says of it.
func TestTilesFit(t *testing.T) {
	for p, all := range tiles {
		for _, tile := range all {
			source, err := os.ReadFile(tile.file(p) + ".cu")
			if err != nil {
				t.Fatal(err)
			}
			shared := 99 << 10 // compute capability 8.6, the least from 8.0 on
			switch {
			case tile.wgmma:
				shared = 227 << 10 // 9.0
			case p == Float32:
				shared = 64 << 10 // 7.5
			}
			if n := tile.shared(p); n > shared {
				t.Errorf("%v %s: %d bytes of shared memory, at most %d", p, tile.name, n, shared)
			}
			if line := fmt.Sprintf(" Tile%s; // dynamic shared: %d B\n", tile.name, tile.shared(p)); !strings.Contains(string(source), line) {
				t.Errorf("%s.cu has no line that ends in %q", tile.file(p), line)
			}
		}
	}
}
