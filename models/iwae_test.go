package models

import (
	"math"
	"testing"

	"hourglass/graph"
	"hourglass/kernels"
)

// TestImportanceWeights computes both bounds of drawn codes from the densities
// with all their constants.
func TestImportanceWeights(t *testing.T) {
	const samples, batch, units, sigma = 4, 3, 2, 0.6
	m, err := New(Config{Name: "iwae", Image: [3]int{3, 2, 1}, Latent: units, Hidden: []int{5}, Samples: samples, Likelihood: "gaussian", Sigma: sigma})
	if err != nil {
		t.Fatal(err)
	}
	b := graph.NewBuilderOf(kernels.Float64)
	net := m.On(b).(*importance)
	x, step := b.Input("x", batch, 3, 2, 1), b.InputOf(kernels.Int32, "step", 1)
	p := Phase{Step: step, Seed: 4}
	mean, logvar := net.posterior(x, p)
	noise := net.drawMany(samples, "iwae.noise", mean, p)
	z := b.Apply(kernels.Reparameterize{}, mean, logvar, noise)
	images := net.Decode(b.Reshape(z, samples*batch, units))
	loss := net.Loss(x, p)
	in := started(b)
	in[x], in[step] = formula("x", batch*6, 1), []float64{3}
	v := onTape(t, b, in, mean, logvar, z, images, loss.Total, loss.Terms[0].Node, loss.Terms[1].Node)

	density := func(x, mean, sigma float64) float64 {
		d := (x - mean) / sigma
		return math.Exp(-d*d/2) / (sigma * math.Sqrt(2*math.Pi))
	}
	elbo, bound := 0.0, 0.0
	for n := range batch {
		sum := 0.0
		for s := range samples {
			w, row := 1.0, s*batch+n
			for j := range units {
				code := v[2][row*units+j]
				w *= density(code, 0, 1) / density(code, v[0][n*units+j], math.Exp(v[1][n*units+j]/2))
			}
			for i := range 6 {
				w *= density(in[x][n*6+i], v[3][row*6+i], sigma)
			}
			elbo += math.Log(w) / (samples * batch)
			sum += w
		}
		bound += math.Log(sum/samples) / batch
	}
	for i, want := range []float64{-bound, bound, elbo} {
		if got := v[4+i][0]; !(math.Abs(got-want) <= 1e-9) {
			t.Errorf("output %d is %v, want %v", i, got, want)
		}
	}
	if !(elbo < bound) {
		t.Errorf("elbo %v, want it below iwae_k %v", elbo, bound)
	}
}

// TestImportanceSampledLikelihood holds the estimate, whose codes take several
// chunks, to the exact likelihood of a linear decoder with one unit:
// N(b, wwᵀ + σ²).
func TestImportanceSampledLikelihood(t *testing.T) {
	const batch, sigma, samples = 3, 0.7, 5000
	for _, c := range []Config{{Name: "vae", Beta: 1}, {Name: "iwae", Samples: 2}} {
		c.Image, c.Latent, c.Hidden = [3]int{1, 2, 1}, 1, []int{}
		c.Likelihood, c.Sigma, c.Output = "gaussian", sigma, "identity"
		m, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		b := graph.NewBuilder()
		net := m.On(b)
		x, step := b.Input("x", batch, 1, 2, 1), b.InputOf(kernels.Int32, "step", 1)
		terms := net.Metrics(x, Phase{Step: step, Seed: 1, Samples: samples})
		last := terms[len(terms)-1]
		if last.Name != "nll_is" {
			t.Fatalf("the last metric is %s, want nll_is", last.Name)
		}
		in := started(b)
		in[x], in[step] = []float64{.1, .9, -1, .3, 2, -1}, []float64{0}
		var w, bias []float64
		for _, p := range b.Params() {
			switch p.Name {
			case "decoder.0.weight":
				w = in[p.Node]
			case "decoder.0.bias":
				bias = in[p.Node]
			}
		}
		s00, s11, s01 := w[0]*w[0]+sigma*sigma, w[1]*w[1]+sigma*sigma, w[0]*w[1]
		det, want := s00*s11-s01*s01, 0.0
		for n := range batch {
			d0, d1 := in[x][2*n]-bias[0], in[x][2*n+1]-bias[1]
			square := (d0*d0*s11 - 2*d0*d1*s01 + d1*d1*s00) / det
			want += (square/2 + math.Log(2*math.Pi) + math.Log(det)/2) / batch
		}
		// The weights' spread makes the standard error less than 0.01.
		if got := onCPU(t, b, in, last.Node)[0][0]; !(math.Abs(got-want) < 0.03) {
			t.Errorf("%s: nll_is %v, want %v", c.Name, got, want)
		}
	}
}

// TestTooManySamples pins what a caller reads.
func TestTooManySamples(t *testing.T) {
	c, err := Default("vae")
	if err != nil {
		t.Fatal(err)
	}
	m, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	b := graph.NewBuilder()
	m.On(b).Metrics(b.Input("x", 2, 28, 28, 1), Phase{Step: b.InputOf(kernels.Int32, "step", 1), Samples: 1 << 20})
	if want := "nll_is: 1048576 samples, want at most 131072"; b.Err() == nil || b.Err().Error() != want {
		t.Errorf("got %v, want %s", b.Err(), want)
	}
}
