package models

import (
	"math"
	"slices"
	"strings"
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

// TestDoublyReparameterized holds what dreg gives to the gradient of the bound: the
// same loss and decoder's share of the same codes, and an encoder's share of the
// same mean over many draws, each weight of it with less variance.
func TestDoublyReparameterized(t *testing.T) {
	const draws, batch = 3000, 2
	b := graph.NewBuilder()
	x, step := b.Input("x", batch, 2, 2, 1), b.InputOf(kernels.Int32, "step", 1)
	m, err := New(Config{Name: "iwae", Image: [3]int{2, 2, 1}, Latent: 2, Hidden: []int{3}, Samples: 6, Init: "pytorch"})
	if err != nil {
		t.Fatal(err)
	}
	net := m.On(b).(*importance)
	p := Phase{Training: true, Step: step, Seed: 2}
	outs := []*graph.Node{}
	var encoder, decoder []*graph.Node
	for _, v := range b.Params() {
		if strings.HasPrefix(v.Name, "decoder") {
			decoder = append(decoder, v.Node)
		} else {
			encoder = append(encoder, v.Node)
		}
	}
	params := append(slices.Clone(decoder), encoder...)
	for _, estimator := range []string{"reparameterized", "dreg"} {
		net.config.Gradient = estimator
		total := net.Loss(x, p).Total
		ones := []*graph.Node{b.Constant(1)}
		outs = append(append(outs, total), graph.VJP(b, []*graph.Node{total}, ones, params)...)
	}
	if b.Err() != nil {
		t.Fatal(b.Err())
	}
	program, err := graph.Compile(b.Graph(), device(t), outs...)
	if err != nil {
		t.Fatal(err)
	}
	for n, v := range started(b) {
		for i := range v {
			v[i] *= 2 // weights that make codes differ
		}
		feed(t, program, n, v)
	}
	feed(t, program, x, []float64{1, 0, 0, 1, 1, 1, 0, 1})
	half, first := len(outs)/2, 1+len(decoder) // the encoder's share comes last
	var sum, square [3][]float64               // of the bound's gradients, dreg's, and their differences
	for s := range draws {
		feed(t, program, step, []float64{float64(s)})
		if err := program.Run(); err != nil {
			t.Fatal(err)
		}
		v := fetchAll(t, program, outs...)
		for k := range first {
			if off := apart(t, v[half+k], v[k]); !(off <= 1e-5*norm(v[k])) {
				t.Fatalf("draw %d: the loss or a decoder's gradient, output %d, differs by %g", s, k, off)
			}
		}
		of := [3][]float64{slices.Concat(v[first:half]...), slices.Concat(v[half+first:]...)}
		for i := range of[0] {
			of[2] = append(of[2], of[0][i]-of[1][i])
		}
		for e, all := range of {
			if s == 0 {
				sum[e], square[e] = make([]float64, len(all)), make([]float64, len(all))
			}
			for i, g := range all {
				sum[e][i] += g / draws
				square[e][i] += g * g / draws
			}
		}
	}
	variance := func(e, i int) float64 { return square[e][i] - sum[e][i]*sum[e][i] }
	worst, total := 0.0, [2]float64{}
	for i := range sum[0] {
		a, d := variance(0, i), variance(1, i)
		if !(d <= a) {
			t.Errorf("gradient %d has variance %g, want at most the %g of the bound's", i, d, a)
		}
		total[0], total[1] = total[0]+a, total[1]+d
		if a > 0 {
			worst = max(worst, math.Abs(sum[2][i])/math.Sqrt(variance(2, i)/draws))
		}
	}
	if !(total[1] > 0 && total[1] < total[0]) {
		t.Errorf("variance %g in all, want above 0 and below %g", total[1], total[0])
	}
	if !(worst <= 4.5) {
		t.Errorf("a mean of %d gradients is %.1f standard errors from that of the bound's", draws, worst)
	}
	t.Logf("%d gradients: variance %.3g and %.3g in all, means at most %.1f standard errors apart", len(sum[0]), total[0], total[1], worst)
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
