package models

import (
	"math"
	"testing"

	"hourglass/graph"
	"hourglass/kernels"
)

// TestMMD computes the discrepancy pair by pair.
func TestMMD(t *testing.T) {
	const n, units = 7, 3
	x, y := formula("codes", n*units, 1), formula("prior", n*units, 1)
	kernel := func(a, b []float64) float64 {
		d := 0.0
		for i := range a {
			d += (a[i] - b[i]) * (a[i] - b[i])
		}
		return 2 * units / (2*units + d)
	}
	want := 0.0
	for i := range n {
		for j := range n {
			a, b, c, d := x[i*units:][:units], x[j*units:][:units], y[i*units:][:units], y[j*units:][:units]
			if i != j {
				want += (kernel(a, b) + kernel(c, d)) / (n * (n - 1))
			}
			want -= 2 * kernel(a, d) / (n * n)
		}
	}
	b := graph.NewBuilderOf(kernels.Float64)
	codes, prior := b.Input("codes", n, units), b.Input("prior", n, units)
	if got := onTape(t, b, feeds{codes: x, prior: y}, MMD(b, codes, prior))[0][0]; !(math.Abs(got-want) <= 1e-12) {
		t.Errorf("mmd %v, want %v", got, want)
	}
}

// TestMMDTellsDistributionsApart compares draws of the prior with others of it,
// and with ones that are moved.
func TestMMDTellsDistributionsApart(t *testing.T) {
	for _, test := range []struct {
		move   float64
		lo, hi float64
	}{{0, -0.02, 0.02}, {1, 0.1, 1}} {
		b := graph.NewBuilder()
		like, step := b.Input("like", 200, 4), b.InputOf(kernels.Int32, "step", 1)
		p := Phase{Step: step}
		codes := b.Offset(p.noise(b, kernels.Noise{Dist: kernels.Normal}, "codes", like), test.move)
		mmd := MMD(b, codes, p.noise(b, kernels.Noise{Dist: kernels.Normal}, "prior", like))
		got := onCPU(t, b, feeds{like: make([]float64, 800), step: {1}}, mmd)[0][0]
		if !(got > test.lo && got < test.hi) {
			t.Errorf("moved by %v: mmd %v, want %v to %v", test.move, got, test.lo, test.hi)
		}
	}
}

func TestMMDErrors(t *testing.T) {
	b := graph.NewBuilder()
	MMD(b, b.Input("codes", 3, 2), b.Input("prior", 4, 2))
	if want := "mmd: codes [3 2] and prior [4 2], want two batches [n z] of one shape"; b.Err() == nil || b.Err().Error() != want {
		t.Errorf("got %v, want %s", b.Err(), want)
	}
}

// TestMMDOfOne: one code has no pairs, and the loss does without.
func TestMMDOfOne(t *testing.T) {
	m, err := New(Config{Name: "wae", Image: [3]int{2, 2, 1}, Latent: 2, Lambda: 1})
	if err != nil {
		t.Fatal(err)
	}
	b := graph.NewBuilder()
	net := m.On(b)
	x, step := b.Input("x", 1, 2, 2, 1), b.InputOf(kernels.Int32, "step", 1)
	loss := net.Loss(x, Phase{Training: true, Step: step})
	in := started(b)
	in[x], in[step] = formula("x", 4, 1), []float64{1}
	v := onCPU(t, b, in, loss.Total, loss.Terms[0].Node, loss.Terms[1].Node)
	if v[0][0] != v[1][0] || v[2][0] != 0 {
		t.Errorf("loss %v, recon %v, mmd %v; want the first two equal and 0", v[0][0], v[1][0], v[2][0])
	}
}
