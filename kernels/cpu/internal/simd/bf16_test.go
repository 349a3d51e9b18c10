package simd

import (
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"
)

// nearBF16 is the definition: among the two neighbours of x that end in sixteen
// zeros the nearer one, or the even one.
func nearBF16(x float32) float32 {
	b := math.Float32bits(x)
	down, up := math.Float32frombits(b&^0xFFFF), math.Float32frombits(b&^0xFFFF+1<<16)
	middle := math.Float32frombits(b&^0xFFFF | 1<<15)
	size := func(x float32) float64 { return math.Abs(float64(x)) }
	switch {
	case size(x) < 0x1p-126:
		return float32(math.Copysign(0, float64(x)))
	case x == down, size(x) < size(middle), x == middle && b>>16&1 == 0:
		return down
	}
	return up
}

func TestBF16Rounds(t *testing.T) {
	for high := range uint32(1 << 16) {
		for _, low := range []uint32{0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF, high * 40503 & 0xFFFF} {
			x := math.Float32frombits(high<<16 | low)
			got := math.Float32frombits(uint32(BF16(x)) << 16)
			if x != x && got == got || x == x && math.Float32bits(got) != math.Float32bits(nearBF16(x)) {
				t.Fatalf("%g (%#x) becomes %g, want %g", x, math.Float32bits(x), got, nearBF16(x))
			}
		}
	}
}

// TestPairsAreRounded holds the pairs that the processor makes to BF16, between
// unreadable pages.
func TestPairsAreRounded(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(21, 22))
		f := fences(t, 1<<10, 1<<10, 1<<10)
		for n := range 100 {
			front := n%2 == 0
			x, y := f[0].slice(n, front), f[1].slice(n, front)
			dst := pairsOf(f[2].slice(n, front))
			for i := range x {
				x[i], y[i] = math.Float32frombits(r.Uint32()), math.Float32frombits(r.Uint32()&0x80FFFFFF)
			}
			for _, second := range [][]float32{y, nil} {
				PairRows(dst, x, second, Pad)
				for i, got := range dst {
					low := uint16(Pad)
					if second != nil {
						low = BF16(second[i])
					}
					if want := uint32(BF16(x[i]))<<16 | uint32(low); got != want {
						t.Fatalf("PairRows %d of %d: %#x, want %#x", i, n, got, want)
					}
				}
			}
			rounded := f[2].slice(n, front)
			RoundBF16(rounded, x)
			for i, got := range rounded {
				if want := uint32(BF16(x[i])) << 16; math.Float32bits(got) != want {
					t.Fatalf("RoundBF16 %d of %d: %#x, want %#x", i, n, math.Float32bits(got), want)
				}
			}
			half := pairsOf(f[2].slice((n+1)/2, front))
			PairNeighbours(half, x, 0)
			for i, got := range half {
				want := uint32(BF16(x[2*i])) << 16
				if 2*i+1 < n {
					want |= uint32(BF16(x[2*i+1]))
				}
				if got != want {
					t.Fatalf("PairNeighbours %d of %d: %#x, want %#x", i, n, got, want)
				}
			}
		}
	})
}

// TestRoundBF16 holds every upper half with lower halves on both sides of the
// ties to the rounding of one number.
func TestRoundBF16(t *testing.T) {
	defer WithoutPairs()()
	eachTier(t, func(t *testing.T) {
		lows := []uint32{0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF}
		x := make([]float32, 1<<16)
		for _, low := range lows {
			for i := range x {
				x[i] = math.Float32frombits(uint32(i)<<16 | low)
			}
			RoundBF16(x, x)
			for i, got := range x {
				from := uint32(i)<<16 | low
				if want := uint32(BF16(math.Float32frombits(from))) << 16; math.Float32bits(got) != want {
					t.Fatalf("%#x became %#x, want %#x", from, math.Float32bits(got), want)
				}
			}
		}
	})
}

func pairsOf(x []float32) []Pair {
	return unsafe.Slice((*Pair)(unsafe.Pointer(unsafe.SliceData(x))), len(x))
}

// anyBF16 draws a bfloat16 whose exponent is near the middle, lets products be
// subnormal or overflow, or is any.
func anyBF16(r *rand.Rand, kind int) uint32 {
	sign, fraction, exponent := r.Uint32()&1<<15, r.Uint32()&0x7F, uint32(120+r.IntN(14))
	switch kind {
	case 1:
		exponent = uint32(58 + r.IntN(10))
	case 2:
		exponent = uint32(186 + r.IntN(8))
	case 3:
		exponent = uint32(r.IntN(256))
	}
	return sign | exponent<<7 | fraction
}

// anySum is anyBF16 for sums.
func anySum(r *rand.Rand, kind int) float32 {
	exponent := []uint32{uint32(110 + r.IntN(30)), uint32(r.IntN(8)), uint32(247 + r.IntN(9)), uint32(r.IntN(256))}[kind]
	return math.Float32frombits(r.Uint32()&(1<<31|1<<23-1) | exponent<<23)
}

// TestMulAddFlush holds the emulated multiply-add to arithmetic of as many bits
// as it takes.
func TestMulAddFlush(t *testing.T) {
	r := rand.New(rand.NewPCG(23, 24))
	for i := range 200_000 {
		x, y, s := upper(anyBF16(r, i%4)<<16), upper(anyBF16(r, i%4)<<16), anySum(r, i%4)
		got := mulAddFlush(s, x, y)
		fx, fy, fs := flushed(x), flushed(y), flushed(s)
		want := float32(float64(fx)*float64(fy) + float64(fs)) // right but for the last bit
		if want-want == 0 && fx-fx == 0 && fy-fy == 0 && fs-fs == 0 || math.IsInf(float64(want), 0) && fs-fs == 0 && fx-fx == 0 && fy-fy == 0 {
			exact := new(big.Float).SetPrec(600).Mul(big.NewFloat(float64(fx)), big.NewFloat(float64(fy)))
			exact.Add(exact, big.NewFloat(float64(fs)))
			if exact.Sign() != 0 {
				// Rounded with exponents of any size, then flushed.
				rounded := new(big.Float).SetPrec(24).Set(exact)
				want, _ = rounded.Float32()
				if v, _ := rounded.Float64(); math.Abs(v) < 0x1p-126 {
					want = float32(math.Copysign(0, v))
				}
			}
		}
		if want != want && got != got {
			continue
		}
		if math.Float32bits(got) != math.Float32bits(want) {
			t.Fatalf("%g + %g·%g is %g (%#x), want %g (%#x)", s, x, y, got, math.Float32bits(got), want, math.Float32bits(want))
		}
	}
}

// pairProduct draws a product of pairs between fences.
func pairProduct(r *rand.Rand, f []*fence, m, n, k, kind int) *product {
	p := &product{Product: Product{M: m, N: n, K: k}}
	p.randomize(r)
	p.fill(r, f)
	a, b := pairsOf(p.a), pairsOf(p.b)
	for _, t := range p.taps {
		for k := range p.K {
			for m := range p.rows() {
				a[t.A+p.aRow(m)+k*p.KS] = anyBF16(r, kind)<<16 | anyBF16(r, kind)
			}
			for n := range p.N {
				b[t.B+p.bOffset(k, n)] = anyBF16(r, kind)<<16 | anyBF16(r, kind)
			}
		}
	}
	for m := range p.rows() {
		for n := range p.N {
			switch p.Init {
			case Accumulate:
				p.c[p.cRow(m)+n] = anySum(r, kind)
			case Bias:
				p.bias[n] = anySum(r, kind)
			}
		}
	}
	return p
}

// expand returns the same product of single elements, without subnormal ones.
func (p *product) expand() *product {
	q := *p
	q.taps, q.a, q.b = nil, nil, nil
	q.K, q.KS, q.RS, q.LDB, q.BlockA = 2*p.K, p.rows(), 1, p.N, p.M
	a, b := pairsOf(p.a), pairsOf(p.b)
	for _, t := range p.taps {
		q.taps = append(q.taps, Tap{len(q.a), len(q.b)})
		for k := range q.K {
			half := upper
			if k%2 == 1 {
				half = lower
			}
			for m := range p.rows() {
				q.a = append(q.a, flushed(half(a[t.A+p.aRow(m)+k/2*p.KS])))
			}
			for n := range p.N {
				q.b = append(q.b, flushed(half(b[t.B+p.bOffset(k/2, n)])))
			}
		}
	}
	return &q
}

// sameBits compares C but for the bits of NaNs.
func sameBits(t *testing.T, p *product, what string, got, want []float32) {
	t.Helper()
	for i, g := range got {
		if w := want[i]; math.Float32bits(g) != math.Float32bits(w) && (g == g || w == w) {
			t.Fatalf("%+v: element %d is %g (%#x) %s, want %g (%#x)", p.Product, i, g, math.Float32bits(g), what, w, math.Float32bits(w))
		}
	}
}

// TestPairProducts holds the instruction, where the processor has it, and the
// products of single elements in every tier to the emulation, bit by bit.
func TestPairProducts(t *testing.T) {
	r := rand.New(rand.NewPCG(25, 26))
	f := fences(t, 1<<17, 1<<17, 1<<16, 1<<10)
	for i := range 600 {
		p := pairProduct(r, f, 1+r.IntN(34), edges[1+r.IntN(len(edges)-1)], r.IntN(20), i%4)
		if i%50 == 0 { // passes
			p = pairProduct(r, f, 16+r.IntN(30), 1+r.IntN(70), 150, i/50%4)
		}
		old := slices.Clone(p.c)
		restore := WithoutPairs()
		GemmPairs(&p.Product, p.c, pairsOf(p.a), pairsOf(p.b), p.bias, p.taps)
		restore()
		want := slices.Clone(p.c)
		copy(p.c, old)
		GemmPairs(&p.Product, p.c, pairsOf(p.a), pairsOf(p.b), p.bias, p.taps)
		sameBits(t, p, "in pairs", p.c, want)
		single := p.expand()
		for tier := Generic; tier <= Best(); tier++ {
			restore := Force(tier)
			copy(single.c, old)
			GemmRounded(&single.Product, single.c, single.a, single.b, single.bias, single.taps)
			restore()
			sameBits(t, p, "singly, by "+tier.String(), single.c, want)
		}
	}
}

// TestRoundedProducts holds products to float64 within float32's error.
func TestRoundedProducts(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(27, 28))
		f := fences(t, 1<<17, 1<<17, 1<<16, 1<<10)
		for range 300 {
			p := &product{Product: Product{M: r.IntN(34), N: edges[r.IntN(len(edges))], K: r.IntN(40)}, rounded: true}
			p.randomize(r)
			p.fill(r, f)
			RoundBF16(p.a, p.a)
			RoundBF16(p.b, p.b)
			p.check(t)
		}
	})
}

func TestPairsAllocateNothing(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		p := pairProduct(rand.New(rand.NewPCG(29, 30)), fences(t, 1<<17, 1<<17, 1<<16, 1<<10), 20, 40, 30, 0)
		n := testing.AllocsPerRun(5, func() {
			GemmPairs(&p.Product, p.c, pairsOf(p.a), pairsOf(p.b), p.bias, p.taps)
			PairRows(pairsOf(p.c[:8]), p.a, nil, Pad)
		})
		if n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}
