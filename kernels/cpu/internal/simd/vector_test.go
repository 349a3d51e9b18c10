package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// elementwise are the functions that are one rounding, or few, from exact.
var elementwise = []struct {
	name  string
	arity int
	f     func(dst, x, y []float32, c float32)
	exact func(x, y, c float64) float64
}{
	{"Exp", 1, func(dst, x, _ []float32, _ float32) { Exp(dst, x) }, func(x, _, _ float64) float64 { return math.Exp(x) }},
	{"Log", 1, func(dst, x, _ []float32, _ float32) { Log(dst, x) }, func(x, _, _ float64) float64 { return math.Log(x) }},
	{"Tanh", 1, func(dst, x, _ []float32, _ float32) { Tanh(dst, x) }, func(x, _, _ float64) float64 { return math.Tanh(x) }},
	{"Rectify", 1, func(dst, x, _ []float32, _ float32) { Rectify(dst, x) }, func(x, _, _ float64) float64 { return math.Max(x, 0) }},
	{"LeakyReLU", 1, func(dst, x, _ []float32, c float32) { LeakyReLU(dst, x, c) }, func(x, _, c float64) float64 { return choice(x > 0, x, c*x) }},
	{"Sqrt", 1, func(dst, x, _ []float32, _ float32) { Sqrt(dst, x) }, func(x, _, _ float64) float64 { return math.Sqrt(x) }},
	{"Scale", 1, func(dst, x, _ []float32, c float32) { Scale(dst, x, c) }, func(x, _, c float64) float64 { return c * x }},
	{"Offset", 1, func(dst, x, _ []float32, c float32) { Offset(dst, x, c) }, func(x, _, c float64) float64 { return x + c }},
	{"ClampMin", 1, func(dst, x, _ []float32, c float32) { ClampMin(dst, x, c) }, func(x, _, c float64) float64 { return max(x, c) }},
	{"ClampMax", 1, func(dst, x, _ []float32, c float32) { ClampMax(dst, x, c) }, func(x, _, c float64) float64 { return min(x, c) }},
	{"Neg", 1, func(dst, x, _ []float32, _ float32) { Neg(dst, x) }, func(x, _, _ float64) float64 { return -x }},
	{"Abs", 1, func(dst, x, _ []float32, _ float32) { Abs(dst, x) }, func(x, _, _ float64) float64 { return math.Abs(x) }},
	{"Sign", 1, func(dst, x, _ []float32, _ float32) { Sign(dst, x) }, func(x, _, _ float64) float64 { return choice(x > 0, 1, choice(x < 0, -1, x)) }},
	{"Step", 1, func(dst, x, _ []float32, _ float32) { Step(dst, x) }, func(x, _, _ float64) float64 { return choice(x > 0, 1, 0) }},
	{"Reciprocal", 1, func(dst, x, _ []float32, _ float32) { Reciprocal(dst, x) }, func(x, _, _ float64) float64 { return 1 / x }},
	{"Add", 2, func(dst, x, y []float32, _ float32) { Add(dst, x, y) }, func(x, y, _ float64) float64 { return x + y }},
	{"Sub", 2, func(dst, x, y []float32, _ float32) { Sub(dst, x, y) }, func(x, y, _ float64) float64 { return x - y }},
	{"Mul", 2, func(dst, x, y []float32, _ float32) { Mul(dst, x, y) }, func(x, y, _ float64) float64 { return x * y }},
	{"Div", 2, func(dst, x, y []float32, _ float32) { Div(dst, x, y) }, func(x, y, _ float64) float64 { return x / y }},
	{"AXPY", 2, func(dst, x, y []float32, c float32) { AXPY(dst, c, x, y) }, func(x, y, c float64) float64 { return c*x + y }},
	{"ReLUGrad", 2, func(dst, x, y []float32, _ float32) { ReLUGrad(dst, x, y) }, func(x, y, _ float64) float64 { return choice(x > 0, y, 0) }},
	{"LeakyReLUGrad", 2, LeakyReLUGrad, func(x, y, c float64) float64 { return choice(x > 0, y, c*y) }},
	{"SigmoidGrad", 2, func(dst, x, y []float32, _ float32) { SigmoidGrad(dst, x, y) }, func(x, y, _ float64) float64 { return y * x * (1 - x) }},
	{"BCELogits", 2, func(dst, x, y []float32, _ float32) { BCELogits(dst, x, y) }, func(x, y, _ float64) float64 { return math.Max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) - x*y }},
	{"GELU", 1, func(dst, x, _ []float32, _ float32) { GELU(dst, x) }, func(x, _, _ float64) float64 { return exactGELU(x) }},
	{"ELU", 1, func(dst, x, _ []float32, c float32) { ELU(dst, x, c) }, func(x, _, c float64) float64 { return choice(x > 0, x, c*math.Expm1(min(x, 0))) }},
	{"SiLUGrad", 2, func(dst, x, y []float32, _ float32) { SiLUGrad(dst, x, y) }, func(x, y, _ float64) float64 {
		s := 1 / (1 + math.Exp(-x))
		return y * s * (1 + x*(1-s))
	}},
	{"GELUGrad", 2, func(dst, x, y []float32, _ float32) { GELUGrad(dst, x, y) }, func(x, y, _ float64) float64 {
		slope, _ := exactGELUSlope(x)
		return y * slope
	}},
	{"ELUGrad", 2, ELUGrad, func(x, y, c float64) float64 { return choice(x > 0, y, y*(x+c)) }},
	{"SoftplusGrad", 2, func(dst, x, y []float32, _ float32) { SoftplusGrad(dst, x, y) }, func(x, y, _ float64) float64 { return -y * math.Expm1(-x) }},
	{"AbsoluteError", 2, func(dst, x, y []float32, _ float32) { AbsoluteError(dst, x, y) }, func(x, y, _ float64) float64 { return math.Abs(x - y) }},
	{"Huber", 2, Huber, func(x, y, c float64) float64 {
		d := math.Abs(x - y)
		return choice(d > c, c*(d-c/2), d*d/2)
	}},
	{"TanhGrad", 2, func(dst, x, y []float32, _ float32) { TanhGrad(dst, x, y) }, func(x, y, _ float64) float64 { return y * (1 - x*x) }},
}

func choice(yes bool, x, y float64) float64 {
	if yes {
		return x
	}
	return y
}

// TestElementwise holds every length, between fences and in place, to float64.
func TestElementwise(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(11, 12))
		f := fences(t, 200, 200, 200)
		for _, e := range elementwise {
			for n := range 70 {
				front := n%2 == 0
				dst, x, y := f[0].slice(n, front), f[1].slice(n, front), f[2].slice(n, front)
				for i := range n {
					x[i], y[i] = float32(r.NormFloat64()), float32(r.NormFloat64())
				}
				if n > 20 {
					x[n-1], x[n-2], x[3], y[n-3] = float32(math.NaN()), float32(math.Inf(-1)), 0, float32(math.NaN())
				}
				c := float32(0.3)
				want, size := make([]float64, n), make([]float64, n)
				for i := range n {
					v, w := float64(x[i]), float64(y[i])
					want[i] = e.exact(v, w, float64(c))
					// Differences lose bits against their operands.
					size[i] = math.Abs(want[i]) + math.Abs(w) + math.Abs(v*w) + math.Abs(v*v*w)
				}
				e.f(dst, x, y, c)
				inPlace := append([]float32(nil), x...)
				e.f(inPlace, inPlace, y, c)
				for i := range n {
					if math.Float32bits(dst[i]) != math.Float32bits(inPlace[i]) {
						t.Fatalf("%s of %d: element %d is %g, in place %g", e.name, n, i, dst[i], inPlace[i])
					}
					if math.IsNaN(want[i]) != (dst[i] != dst[i]) {
						t.Fatalf("%s(%g, %g) = %g, want %g", e.name, x[i], y[i], dst[i], want[i])
					}
					// An infinite argument has no such size, and makes no rounding.
					exact := math.IsInf(float64(x[i]), 0) && want[i] == want[i]
					if d := math.Abs(float64(dst[i]) - want[i]); exact && dst[i] != float32(want[i]) || d > 0x1p-22*size[i] {
						t.Fatalf("%s(%g, %g) = %g, want %g", e.name, x[i], y[i], dst[i], want[i])
					}
				}
			}
		}
	})
}

// TestNormalisation holds the loops of a normalised layer to those of which they
// save the passes, bit by bit.
func TestNormalisation(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(17, 18))
		for n := range 70 {
			f := fences(t, n, n, n, n, n, n, n)
			var x [7][]float32
			for i := range x {
				x[i] = f[i].slice(n, n%2 == 0)
				for j := range x[i] {
					x[i][j] = float32(r.NormFloat64())
				}
			}
			if n > 3 {
				x[0][n-1], x[0][1], x[4][2] = float32(math.NaN()), float32(math.Inf(-1)), float32(math.NaN())
			}
			dst, sum, want := x[6], make([]float32, n), make([]float32, n)
			check := func(name string) {
				t.Helper()
				for i := range want {
					if math.Float32bits(dst[i]) != math.Float32bits(want[i]) && (dst[i] == dst[i] || want[i] == want[i]) {
						t.Fatalf("%s of %d: element %d is %g, want %g", name, n, i, dst[i], want[i])
					}
				}
			}
			Prefetch(x[0])
			Mul(sum, x[0], x[1])
			Add(want, sum, x[2])
			ScaleShift(dst, x[0], x[1], x[2])
			check("ScaleShift")
			Rectify(want, want)
			ScaleShiftRectify(dst, x[0], x[1], x[2])
			check("ScaleShiftRectify")
			Sub(sum, x[0], x[1])
			Mul(sum, sum, x[2])
			Add(sum, sum, x[3])
			Mul(want, x[4], x[5])
			Add(want, want, sum)
			NormGrad(dst, x[0], x[1], x[2], x[3], x[4], x[5])
			check("NormGrad")
			copy(dst, x[4]) // in place
			NormGrad(dst, x[0], x[1], x[2], x[3], dst, x[5])
			check("NormGrad in place")
		}
	})
}

func TestAdam(t *testing.T) {
	s := AdamStep{Coupled: 0.01, Keep: 0.999, New1: 0.1, Beta2: 0.999, New2: 0.001, Size: 0.002, PerRoot: 3, Epsilon: 1e-8}
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(13, 14))
		for n := range 40 {
			var x [4][]float32 // g, w, m, v
			f := fences(t, n, n, n, n)
			for i := range x {
				x[i] = f[i].slice(n, n%2 == 0)
				for j := range x[i] {
					x[i][j] = float32(r.NormFloat64())
				}
			}
			for j := range x[3] {
				x[3][j] *= x[3][j]
			}
			var want [3][]float64
			for j := range n {
				w, m, v := float64(x[1][j]), float64(x[2][j]), float64(x[3][j])
				g := float64(x[0][j]) + float64(s.Coupled)*w
				m += float64(s.New1) * (g - m)
				v = float64(s.Beta2)*v + float64(s.New2)*g*g
				w = float64(s.Keep)*w - float64(s.Size)*m/(float64(s.PerRoot)*math.Sqrt(v)+float64(s.Epsilon))
				want[0], want[1], want[2] = append(want[0], w), append(want[1], m), append(want[2], v)
			}
			Adam(&s, x[1], x[2], x[3], x[0], x[1], x[2], x[3])
			for i := range want {
				for j, v := range want[i] {
					if d := math.Abs(float64(x[i+1][j]) - v); !(d < 1e-6*(1+math.Abs(v))) {
						t.Fatalf("n %d: row %d of w, m, v, element %d is %g, want %g", n, i, j, x[i+1][j], v)
					}
				}
			}
		}
	})
}

func TestSums(t *testing.T) {
	type result struct{ sum, product, rows, productRows float64 }
	first := map[int]result{}
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(15, 16))
		f := fences(t, 450, 450)
		for n := range 450 {
			x, y := f[0].slice(n, n%2 == 0), f[1].slice(n, n%2 == 0)
			var sum, product, sizes float64
			for i := range x {
				x[i], y[i] = float32(r.NormFloat64()), float32(r.NormFloat64())
				sum += float64(x[i])
				product += float64(x[i]) * float64(y[i])
				sizes += math.Abs(float64(x[i])) * (1 + math.Abs(float64(y[i])))
			}
			got := result{Sum(x), SumProduct(x, y), 0, 0}
			if !(math.Abs(got.sum-sum) <= 1e-14*sizes) || !(math.Abs(got.product-product) <= 1e-14*sizes) {
				t.Fatalf("n %d: Sum %g, want %g; SumProduct %g, want %g", n, got.sum, sum, got.product, product)
			}
			// The same elements as rows that overlap.
			if width := n / 3; width > 0 {
				step := r.IntN(width + 2)
				rows := min(7, (n-width)/max(step, 1)+1)
				columns, want := make([]float64, width), make([]float64, width)
				for i := range columns {
					columns[i], want[i] = float64(i), float64(i)
					for row := range rows {
						want[i] += float64(x[row*step+i])
					}
				}
				SumRows(columns, x[:(rows-1)*step+width], step, rows)
				for i, v := range columns {
					got.rows += v * float64(i+1)
					if !(math.Abs(v-want[i]) <= 1e-12) {
						t.Fatalf("%d rows of %d, %d apart: column %d is %g, want %g", rows, width, step, i, v, want[i])
					}
				}
				for i := range columns {
					columns[i], want[i] = float64(i), float64(i)
					for row := range rows {
						want[i] += float64(x[row*step+i]) * float64(y[row*step+i])
					}
				}
				end := (rows-1)*step + width
				SumProductRows(columns, x[:end], y[:end], step, rows)
				for i, v := range columns {
					got.productRows += v * float64(i+1)
					if !(math.Abs(v-want[i]) <= 1e-12) {
						t.Fatalf("products of %d rows of %d, %d apart: column %d is %g, want %g", rows, width, step, i, v, want[i])
					}
				}
			}
			if before, ok := first[n]; ok && before != got {
				t.Fatalf("n %d: %+v, a lower tier had %+v", n, got, before)
			}
			first[n] = got
		}
	})
}

func TestMomentRows(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(17, 18))
		f := fences(t, 900)
		for width := range 100 {
			step, rows := width+r.IntN(3), r.IntN(8)
			x := f[0].slice(max(0, rows-1)*step+width, width%2 == 0)
			for i := range x {
				x[i] = float32(r.NormFloat64())
			}
			sum, square, shift := make([]float64, width), make([]float64, width), make([]float64, width)
			for i := range shift {
				sum[i], square[i], shift[i] = float64(i), 2*float64(i), r.NormFloat64()
			}
			MomentRows(sum, square, shift, x, step, rows)
			for i := range shift {
				wantSum, wantSquare := float64(i), 2*float64(i)
				for row := range rows {
					d := float64(x[row*step+i]) - shift[i]
					wantSum, wantSquare = wantSum+d, wantSquare+d*d
				}
				if !(math.Abs(sum[i]-wantSum) <= 1e-12) || !(math.Abs(square[i]-wantSquare) <= 1e-12) {
					t.Fatalf("%d rows of %d, %d apart: column %d is %g and %g, want %g and %g", rows, width, step, i, sum[i], square[i], wantSum, wantSquare)
				}
			}
		}
	})
}

func TestFromBytes(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		f := fences(t, 300, 80)
		for n := range 257 {
			dst := f[0].slice(n, n%2 == 0)
			x := f[1].bytes(n)
			for i := range x {
				x[i] = byte(255 - i)
			}
			FromBytes(dst, x, 255)
			for i, v := range dst {
				if want := float32(255-i) / 255; v != want {
					t.Fatalf("n %d: byte %d is %g, want %g", n, 255-i, v, want)
				}
			}
			ScaleBytes(dst, x, 0.3)
			for i, v := range dst {
				if want := float32(255-i) * 0.3; v != want {
					t.Fatalf("n %d: byte %d scaled is %g, want %g", n, 255-i, v, want)
				}
			}
		}
	})
}

func TestLengthsMustAgree(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("Add of 3 and 4 elements was accepted")
		}
	}()
	Add(make([]float32, 3), make([]float32, 3), make([]float32, 4))
}

func BenchmarkVector(b *testing.B) {
	x, y, dst := make([]float32, 4096), make([]float32, 4096), make([]float32, 4096)
	for i := range x {
		x[i], y[i] = rand.Float32()*4, rand.Float32()
	}
	run := func(name string, bytes int, f func()) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(bytes * len(x)))
			for b.Loop() {
				f()
			}
			b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N*len(x)), "ns/element")
		})
	}
	for _, f := range transcendental {
		run(f.name, 8, func() { f.f(dst, x) })
	}
	run("Add", 12, func() { Add(dst, x, y) })
	run("SiLUGrad", 12, func() { SiLUGrad(dst, x, y) })
	run("GELUGrad", 12, func() { GELUGrad(dst, x, y) })
	run("ReLUGrad", 12, func() { ReLUGrad(dst, x, y) })
	run("Sum", 4, func() { Sum(x) })
	run("SumProduct", 8, func() { SumProduct(x, y) })
	columns := make([]float64, 64)
	run("SumRows64", 4, func() { SumRows(columns, x, 64, 64) })
	pixels := make([]byte, len(x))
	run("FromBytes", 5, func() { FromBytes(dst, pixels, 255) })
	run("ScaleBytes", 5, func() { ScaleBytes(dst, pixels, 1./255) })
	run("BCELogits", 12, func() { BCELogits(dst, x, y) })
	run("RoundBF16", 8, func() {
		defer WithoutPairs()()
		RoundBF16(dst, x)
	})
	s := AdamStep{Keep: 1, New1: 0.1, Beta2: 0.999, New2: 0.001, Size: 1e-3, PerRoot: 1, Epsilon: 1e-8}
	m, v := make([]float32, len(x)), make([]float32, len(x))
	run("Adam", 28, func() { Adam(&s, dst, m, v, y, dst, m, v) })
	run("Transpose64", 8, func() { Transpose(dst, 64, x, 64, 64, 64) })
}

func ExampleSumRows() {
	sum := make([]float64, 2)
	SumRows(sum, []float32{1, 2, 3, 4}, 2, 2)
	fmt.Println(sum)
	// Output: [4 6]
}
