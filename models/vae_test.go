package models

import (
	"math"
	"testing"

	"hourglass/graph"
	"hourglass/kernels"
)

// started returns the initial values of all variables.
func started(b *graph.Builder) feeds {
	in := feeds{}
	for i, p := range b.Params() {
		value := make([]float32, p.Shape.Size())
		p.Init(value, uint64(i))
		in[p.Node] = widen(value)
	}
	return in
}

// TestDivergenceOptions computes what the loss counts of the divergence by hand,
// at several steps of the warm-up.
func TestDivergenceOptions(t *testing.T) {
	const beta, warmup, free = 3.0, 10, 0.2
	m, err := New(Config{Name: "vae", Image: [3]int{2, 2, 1}, Latent: 3, Hidden: []int{4}, Beta: beta, KLWarmup: warmup, FreeBits: free})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		step     float64
		training bool
		weight   float64
	}{{0, true, 0}, {1, true, beta / 10}, {5, true, beta / 2}, {10, true, beta}, {12345, true, beta}, {0, false, beta}} {
		b := graph.NewBuilderOf(kernels.Float64)
		net := m.On(b).(*variational)
		x, step := b.Input("x", 3, 2, 2, 1), b.InputOf(kernels.Int32, "step", 1)
		p := Phase{Training: test.training, Step: step, Seed: 1}
		loss := net.Loss(x, p)
		mean, logvar := net.posterior(x, p)
		in := started(b)
		in[x], in[step] = formula("x", 12, 1), []float64{test.step}
		v := onTape(t, b, in, loss.Total, loss.Terms[0].Node, loss.Terms[1].Node, mean, logvar)
		kl, counted := 0.0, 0.0
		for j := range 3 {
			unit := 0.0
			for i := j; i < 9; i += 3 {
				unit -= 0.5 * (1 + v[4][i] - v[3][i]*v[3][i] - math.Exp(v[4][i])) / 3
			}
			kl += unit
			counted += max(free, unit)
		}
		if kl == counted || counted == 3*free {
			t.Fatalf("units of %v in all: want some below and some above %v", kl, free)
		}
		if off := math.Abs(v[2][0] - kl); !(off <= 1e-12) {
			t.Errorf("kl is %v, want %v", v[2][0], kl)
		}
		if want := v[1][0] + test.weight*counted; !(math.Abs(v[0][0]-want) <= 1e-9) {
			t.Errorf("step %v, training %v: loss %v, want %v", test.step, test.training, v[0][0], want)
		}
	}
}

// TestWarmUpWantsAStep pins what a caller reads.
func TestWarmUpWantsAStep(t *testing.T) {
	m, err := New(Config{Name: "vae", Latent: 2, Beta: 1, KLWarmup: 10})
	if err != nil {
		t.Fatal(err)
	}
	b := graph.NewBuilder()
	net := m.On(b).(*variational)
	x := b.Input("x", 1, 28, 28, 1)
	mean, logvar := net.posterior(x, Phase{})
	net.loss(x, mean, logvar, b.Input("noise", 1, 2), Phase{Training: true})
	want := "vae: the phase has no step for kl_warmup: set Phase.Step"
	if b.Err() == nil || b.Err().Error() != want {
		t.Errorf("got %v, want %s", b.Err(), want)
	}
}

// TestLearnedSigma starts at Sigma, where the loss is that of the fixed one.
func TestLearnedSigma(t *testing.T) {
	var losses []float64
	for _, learn := range []bool{false, true} {
		m, err := New(Config{Name: "vae", Image: [3]int{2, 2, 1}, Latent: 3, Hidden: []int{4}, Beta: 1, Likelihood: "gaussian", Sigma: 0.3, LearnSigma: learn})
		if err != nil {
			t.Fatal(err)
		}
		b := graph.NewBuilderOf(kernels.Float64)
		x, step := b.Input("x", 3, 2, 2, 1), b.InputOf(kernels.Int32, "step", 1)
		loss := m.On(b).Loss(x, Phase{Training: true, Step: step})
		in := started(b)
		in[x], in[step] = formula("x", 12, 1), []float64{0}
		losses = append(losses, onTape(t, b, in, loss.Total)[0][0])
	}
	if off := math.Abs(losses[0] - losses[1]); !(off <= 1e-6) { // ln 0.3 is rounded to float32
		t.Errorf("losses %v, want the same", losses)
	}
}
