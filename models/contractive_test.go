package models

import (
	"math"
	"strings"
	"testing"

	"hourglass/graph"
	"hourglass/kernels"
)

// TestContractiveClosedForm: of one layer of sigmoids h the penalty is
// Σ_j (h_j(1−h_j))²·Σ_i W_ij², and its gradient follows by hand.
func TestContractiveClosedForm(t *testing.T) {
	const n, in, z = 4, 7, 5
	for _, dtype := range []kernels.DType{kernels.Float64, kernels.Float32} {
		b := graph.NewBuilderOf(dtype)
		x, w := b.Input("x", n, in), b.Input("w", in, z)
		code := b.Fn(kernels.Sigmoid, 0, b.Apply(kernels.MatMul{}, x, w))
		penalty := JacobianNorm(b, code, x)
		grad := b.Gradients(penalty, w)
		if b.Err() != nil {
			t.Fatal(b.Err())
		}
		xs, ws := formula("x", n*in, 1), formula("w", in*z, 4)
		want, wantGrad := closedForm(xs, ws, n, in, z)
		run, bound := onTape, 1e-12
		if dtype == kernels.Float32 {
			run, bound = onCPU, 1e-6
		}
		got := run(t, b, feeds{x: xs, w: ws}, penalty, grad[0])
		if off := math.Abs(got[0][0]-want) / want; !(off <= bound) {
			t.Errorf("%v: the penalty is %v, want %v", dtype, got[0][0], want)
		}
		if off := apart(t, got[1], wantGrad) / norm(wantGrad); !(off <= bound) {
			t.Errorf("%v: the gradient is off by %.1e of its norm", dtype, off)
		}
	}
}

// closedForm returns the penalty, mean over the batch, and its gradient by w.
func closedForm(x, w []float64, n, in, z int) (penalty float64, grad []float64) {
	grad = make([]float64, in*z)
	for s := range n {
		for j := range z {
			sum, square := 0.0, 0.0
			for i := range in {
				sum += x[s*in+i] * w[i*z+j]
				square += w[i*z+j] * w[i*z+j]
			}
			h := 1 / (1 + math.Exp(-sum))
			slope := h * (1 - h)
			penalty += slope * slope * square / float64(n)
			for i := range in {
				// d slope²/dw = 2·slope²·(1−2h)·x
				grad[i*z+j] += (2*slope*slope*(1-2*h)*x[s*in+i]*square + 2*slope*slope*w[i*z+j]) / float64(n)
			}
		}
	}
	return penalty, grad
}

// TestHutchinsonIsUnbiased compares the mean of many estimates, of which each
// draws its own signs, with the exact penalty, and their spread with theory's.
func TestHutchinsonIsUnbiased(t *testing.T) {
	m, err := New(Config{Name: "conv", Image: [3]int{4, 4, 1}, Latent: 4, Blocks: []Block{{Filters: 3}}, Contractive: 1, Jacobian: "hutchinson"})
	if err != nil {
		t.Fatal(err)
	}
	b := graph.NewBuilder()
	net := m.On(b).(composedNet)
	x, step := b.Input("x", 1, 4, 4, 1), b.InputOf(kernels.Int32, "step", 1)
	phase := Phase{Step: step, Seed: 3}
	estimate := net.contraction(x, phase)
	exact := JacobianNorm(b, net.Net.(coder).code(x, phase), x)
	if b.Err() != nil {
		t.Fatal(b.Err())
	}
	vector := net.direction(b, phase, x)
	p, err := graph.Compile(b.Graph(), device(t), estimate, exact, vector)
	if err != nil {
		t.Fatal(err)
	}
	feed(t, p, x, formula("image", 16, 1))
	for i, v := range b.Params() {
		if strings.HasPrefix(v.Name, "decoder") {
			continue // not part of the program
		}
		value := make([]float32, v.Shape.Size())
		v.Init(value, uint64(i))
		feed(t, p, v.Node, widen(value))
	}
	const draws = 2000
	mean, square, want := 0.0, 0.0, 0.0
	for s := range draws {
		feed(t, p, step, []float64{float64(s)})
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		v := fetchAll(t, p, estimate, exact, vector)
		for _, sign := range v[2] {
			if sign*sign != 1 {
				t.Fatalf("a sign is %v", sign)
			}
		}
		mean += v[0][0] / draws
		square += v[0][0] * v[0][0] / draws
		want = v[1][0]
	}
	deviation := math.Sqrt(square - mean*mean)
	if deviation == 0 {
		t.Fatal("every estimate is the same")
	}
	if off := math.Abs(mean-want) / (deviation / math.Sqrt(draws)); !(off <= 4) {
		t.Errorf("the mean of %d estimates is %v, the exact penalty %v: %.1f standard errors apart", draws, mean, want, off)
	}
	t.Logf("exact %.6g, mean of the estimates %.6g, standard error %.2g", want, mean, deviation/math.Sqrt(draws))
}
