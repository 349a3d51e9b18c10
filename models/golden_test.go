package models

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"hourglass/graph"
	"hourglass/kernels"
)

// goldenModels are the nets of testdata, by the names of their files.
var goldenModels = map[string]Config{
	"dense":     {Name: "dense", Latent: 32},
	"conv":      {Name: "conv", Latent: 2},
	"vae_dense": {Name: "vae", Latent: 20, Beta: 1},
	"vae_conv":  {Name: "vae", Network: "conv", Latent: 16, Beta: 1},
}

// goldenNet is one of them on a builder, with the noise as an input.
type goldenNet struct {
	b               *graph.Builder
	net             Net
	loss            Loss
	x, noise        *graph.Node
	code, recon     *graph.Node // of the input, without noise in a vae
	mean, logvar, z *graph.Node // of a vae
	grads           []*graph.Node
	golden, batches golden
}

const goldenBatch = 8

func newGoldenNet(t *testing.T, name string, b *graph.Builder) *goldenNet {
	t.Helper()
	m, err := New(goldenModels[name])
	if err != nil {
		t.Fatal(err)
	}
	n := &goldenNet{b: b, net: m.On(b), golden: openGolden(t, "golden_"+name), batches: openGolden(t, "golden_batches")}
	n.x = b.Input("x", goldenBatch, 28, 28, 1)
	phase := Phase{Training: true}
	if v, ok := n.net.(*variational); ok {
		n.noise = b.Input("noise", goldenBatch, m.Config().Latent)
		n.mean, n.logvar = v.posterior(n.x, phase)
		n.z = b.Apply(kernels.Reparameterize{}, n.mean, n.logvar, n.noise)
		n.loss = v.loss(n.x, n.mean, n.logvar, n.noise, phase)
	} else {
		n.loss = n.net.Loss(n.x, phase)
	}
	n.code = n.net.Encode(n.x)
	n.recon = n.net.Decode(n.code)
	n.grads = b.Gradients(n.loss.Total, b.Trainable()...)
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	return n
}

// initial returns the initial weights, having checked the formula against the
// elements that the file holds.
func (n *goldenNet) initial(t *testing.T) map[string][]float64 {
	t.Helper()
	initial := map[string][]float64{}
	for _, p := range n.b.Params() {
		w := p.Shape
		if strings.HasSuffix(p.Name, ".bias") {
			w = n.weight(t, p).Shape
		}
		value := formula(p.Name, p.Shape.Size(), w[:len(w)-1].Size())
		for i, want := range n.golden.values(t, "initial."+p.Name+".first") {
			if value[i] != want {
				t.Fatalf("initial %s[%d] is %v, want %v", p.Name, i, value[i], want)
			}
		}
		initial[p.Name] = value
	}
	return initial
}

// weight returns the weight that a bias belongs to.
func (n *goldenNet) weight(t *testing.T, bias *graph.Param) *graph.Param {
	t.Helper()
	for _, p := range n.b.Params() {
		if p.Name == strings.TrimSuffix(bias.Name, "bias")+"weight" {
			return p
		}
	}
	t.Fatalf("%s has no weight", bias.Name)
	return nil
}

// batch returns the images of a step.
func (n *goldenNet) batch(t *testing.T, step int) []float64 {
	const size = goldenBatch * 28 * 28
	return n.batches.values(t, "batches")[step*size:][:size]
}

// noiseOf returns the noise of a step.
func (n *goldenNet) noiseOf(t *testing.T, step int) []float64 {
	size := n.noise.Shape().TotalSize()
	return n.golden.values(t, "noise")[step*size:][:size]
}

// off compares an array with the golden tensor of that name, or with what the
// file holds of it, and returns the error as a part of the norm of scale.
func (n *goldenNet) off(t *testing.T, name string, got []float64, shape kernels.Shape, scale []float64) (worst float64) {
	t.Helper()
	if _, whole := n.golden[name]; whole {
		return apart(t, got, n.golden.values(t, name)) / norm(scale)
	}
	var sample []float64
	for i := 0; i < len(got); i += 11 {
		sample = append(sample, got[i])
	}
	rows, columns := make([]float64, shape[0]), make([]float64, shape[1])
	for i, v := range got {
		rows[i/shape[1]] += v
		columns[i%shape[1]] += v
	}
	for part, v := range map[string][]float64{".sample": sample, ".rowsum": rows, ".colsum": columns} {
		worst = max(worst, apart(t, v, n.golden.values(t, name+part))/norm(scale))
	}
	return worst
}

// trained is what ten steps of Adam came to.
type trained struct {
	losses []float64
	terms  map[string][]float64 // of a vae
	grads  [][]float64          // of the first step
	final  map[string][]float64 // weights
}

var adam = kernels.Adam{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}

const (
	goldenSteps = 10
	goldenRate  = 1e-3
)

// TestGoldenModels trains each net for ten steps, in float64 on Gorgonia's
// machine, through the references, and compiled for the CPU. The first is held
// to PyTorch's float64 losses, the second to its float32 numbers, and the two to
// each other.
func TestGoldenModels(t *testing.T) {
	for name := range goldenModels {
		t.Run(name, func(t *testing.T) {
			n := newGoldenNet(t, name, graph.NewBuilder())
			cpu := n.trainOnCPU(t)
			n.holdsToPyTorch(t, cpu)

			exact := newGoldenNet(t, name, graph.NewBuilderOf(kernels.Float64))
			tape := exact.trainOnTape(t)
			exact.holdsToPyTorch(t, tape)
			for step, want := range n.golden.values(t, "loss.float64") {
				// Adam divides rounding errors of gradients near 0 by themselves.
				if off := math.Abs(tape.losses[step]-want) / want; !(off <= 1e-8) {
					t.Errorf("step %d in float64: loss %v, want PyTorch's %v", step, tape.losses[step], want)
				}
			}
			n.agree(t, cpu, tape)
		})
	}
}

// agree holds the CPU's run to the references': losses and gradients to 1e-5, and
// weights to a thousandth of how far they have moved, since Adam divides rounding
// errors of gradients near 0 by themselves.
func (n *goldenNet) agree(t *testing.T, cpu, tape trained) {
	t.Helper()
	for step, want := range tape.losses {
		if off := math.Abs(cpu.losses[step]-want) / want; !(off <= 1e-5) {
			t.Errorf("step %d: the CPU's loss is %v, the references' %v", step, cpu.losses[step], want)
		}
	}
	initial := n.initial(t)
	for i, p := range n.b.Params() {
		if off := apart(t, cpu.grads[i], tape.grads[i]) / norm(tape.grads[i]); !(off <= 1e-5) {
			t.Errorf("the CPU's gradient of %s is %.1e of its norm from the references'", p.Name, off)
		}
		moved := difference(tape.final[p.Name], initial[p.Name])
		if off := apart(t, cpu.final[p.Name], tape.final[p.Name]) / norm(moved); !(off <= 1e-3) {
			t.Errorf("the CPU's final %s is %.1e of its movement from the references'", p.Name, off)
		}
	}
}

// trainOnCPU takes the steps in one compiled program.
func (n *goldenNet) trainOnCPU(t *testing.T) trained {
	t.Helper()
	b, dev := n.b, device(t)
	rate, step := b.Input("lr", 1), b.InputOf(kernels.Int32, "step", 1)
	vars, err := graph.NewVariables(dev, b.Params(), graph.VariableOptions{Rows: adam.StateRows()})
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range n.initial(t) {
		if err := vars.Set(name, narrow(value)); err != nil {
			t.Fatal(err)
		}
	}
	n.forward(t, dev, vars)
	outs := append([]*graph.Node{n.loss.Total}, n.grads...)
	for _, term := range n.loss.Terms {
		outs = append(outs, term.Node)
	}
	update := &graph.Update{Params: b.Trainable(), Grads: n.grads, Optimizer: adam, LearningRate: rate, Step: step}
	p, err := graph.CompileWith(b.Graph(), dev, graph.Options{Variables: vars, Update: update}, outs...)
	if err != nil {
		t.Fatal(err)
	}
	run := trained{terms: map[string][]float64{}, final: map[string][]float64{}}
	for s := range goldenSteps {
		in := n.feeds(t, s)
		in[rate], in[step] = []float64{goldenRate}, []float64{float64(s)}
		for node, v := range in {
			feed(t, p, node, v)
		}
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		run.losses = append(run.losses, fetchAll(t, p, n.loss.Total)[0][0])
		for _, term := range n.loss.Terms {
			run.terms[term.Name] = append(run.terms[term.Name], fetchAll(t, p, term.Node)[0][0])
		}
		if s == 0 {
			run.grads = fetchAll(t, p, n.grads...)
		}
	}
	for _, p := range b.Params() {
		value, err := vars.Get(p.Name)
		if err != nil {
			t.Fatal(err)
		}
		run.final[p.Name] = widen(value)
	}
	return run
}

// trainOnTape takes the steps with the references of the graph and of Adam.
func (n *goldenNet) trainOnTape(t *testing.T) trained {
	t.Helper()
	run := trained{terms: map[string][]float64{}, final: n.initial(t)}
	state := map[string]kernels.Array{}
	for name, value := range run.final {
		state[name] = kernels.NewArray(kernels.Shape{adam.StateRows(), len(value)})
		copy(state[name].Data, value)
	}
	outs := append([]*graph.Node{n.loss.Total}, n.grads...)
	for _, term := range n.loss.Terms {
		outs = append(outs, term.Node)
	}
	machine := newTape(t, n.b, outs...)
	for s := range goldenSteps {
		in := n.feeds(t, s)
		for _, p := range n.b.Params() {
			in[p.Node] = state[p.Name].Data[:p.Shape.Size()]
		}
		values := machine.run(t, in)
		run.losses = append(run.losses, values[0][0])
		grads := values[1:][:len(n.grads)]
		for i, term := range n.loss.Terms {
			run.terms[term.Name] = append(run.terms[term.Name], values[1+len(n.grads)+i][0])
		}
		if s == 0 {
			run.grads = grads
		}
		for i, p := range n.b.Params() {
			next := kernels.NewArray(state[p.Name].Shape)
			one := kernels.Shape{1}
			adam.Ref(next, state[p.Name], kernels.Array{Shape: kernels.Shape{len(grads[i])}, Data: grads[i]},
				kernels.Array{Shape: one, Data: []float64{goldenRate}}, kernels.Array{Shape: one, Data: []float64{float64(s)}})
			state[p.Name] = next
			run.final[p.Name] = next.Data[:len(grads[i])]
		}
	}
	return run
}

// feeds returns what a step reads beside the weights.
func (n *goldenNet) feeds(t *testing.T, step int) feeds {
	t.Helper()
	in := feeds{n.x: n.batch(t, step)}
	if n.noise != nil {
		in[n.noise] = n.noiseOf(t, step)
	}
	return in
}

// difference returns a − b.
func difference(a, b []float64) []float64 {
	d := make([]float64, len(a))
	for i := range d {
		d[i] = a[i] - b[i]
	}
	return d
}

// holdsToPyTorch holds losses to 1e-4, gradients to 1e-4 of their norm and
// weights to a thousandth of how far they have moved.
func (n *goldenNet) holdsToPyTorch(t *testing.T, run trained) {
	t.Helper()
	losses := map[string][]float64{"loss": run.losses}
	if n.noise != nil {
		losses["recon"], losses["kl"] = run.terms["recon"], run.terms["kl"]
	}
	var worst struct{ loss, grad, final float64 }
	for name, got := range losses {
		for step, want := range n.golden.values(t, name) {
			off := math.Abs(got[step]-want) / math.Abs(want)
			if !(off <= 1e-4) {
				t.Errorf("step %d: %s is %v, want %v", step, name, got[step], want)
			}
			worst.loss = max(worst.loss, off)
		}
	}
	initial := n.initial(t)
	for i, p := range n.b.Params() {
		off := n.off(t, "gradient."+p.Name, run.grads[i], p.Shape, run.grads[i])
		if !(off <= 1e-4) {
			t.Errorf("the gradient of %s is off by %.1e of its norm", p.Name, off)
		}
		worst.grad = max(worst.grad, off)

		moved := difference(run.final[p.Name], initial[p.Name])
		off = n.off(t, "final."+p.Name, run.final[p.Name], p.Shape, moved)
		if !(off <= 1e-3) {
			t.Errorf("final %s is off by %.1e of its movement", p.Name, off)
		}
		worst.final = max(worst.final, off)
	}
	t.Logf("%v: losses off by %.1e, gradients by %.1e, final weights by %.1e of their movement", n.b.DType(), worst.loss, worst.grad, worst.final)
}

// forward holds codes and reconstructions of the first batch at the initial
// weights to PyTorch.
func (n *goldenNet) forward(t *testing.T, dev kernels.Device, vars *graph.Variables) {
	t.Helper()
	outs := map[string]*graph.Node{"code": n.code, "reconstruction": n.recon}
	if n.noise != nil {
		outs["mean"], outs["logvar"], outs["code"] = n.code, n.logvar, n.z
	}
	for name, node := range outs {
		p, err := graph.CompileWith(n.b.Graph(), dev, graph.Options{Variables: vars}, node)
		if err != nil {
			t.Fatal(err)
		}
		feed(t, p, n.x, n.batch(t, 0))
		if node == n.z {
			feed(t, p, n.noise, n.noiseOf(t, 0))
		}
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		want := n.golden.values(t, name)
		if off := apart(t, fetchAll(t, p, node)[0], want) / norm(want); !(off <= 1e-5) {
			t.Errorf("%s is off by %.1e of its norm", name, off)
		}
	}
}

func feed(t *testing.T, p *graph.Program, n *graph.Node, v []float64) {
	t.Helper()
	if err := p.Feed(n, tensorLike(n, v)); err != nil {
		t.Fatal(err)
	}
}

func fetchAll(t *testing.T, p *graph.Program, nodes ...*graph.Node) [][]float64 {
	t.Helper()
	var all [][]float64
	for _, n := range nodes {
		v, err := p.Fetch(n)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, floats(t, v.Data()))
	}
	return all
}

// TestParameterNames pins names and shapes, which files depend on.
func TestParameterNames(t *testing.T) {
	want := map[string]string{
		"dense": "encoder.1.weight[784 128] encoder.1.bias[128] encoder.3.weight[128 32] encoder.3.bias[32] " +
			"decoder.0.weight[32 128] decoder.0.bias[128] decoder.2.weight[128 784] decoder.2.bias[784]",
		"vae_conv": "encoder.0.weight[3 3 1 32] encoder.0.bias[32] encoder.2.weight[3 3 32 64] encoder.2.bias[64] " +
			"mean.weight[3136 16] mean.bias[16] logvar.weight[3136 16] logvar.bias[16] " +
			"decoder.0.weight[16 3136] decoder.0.bias[3136] decoder.3.weight[3 3 64 64] decoder.3.bias[64] " +
			"decoder.5.weight[3 3 32 64] decoder.5.bias[32] decoder.7.weight[3 3 1 32] decoder.7.bias[1]",
	}
	for name, want := range want {
		m, err := New(goldenModels[name])
		if err != nil {
			t.Fatal(err)
		}
		b := graph.NewBuilder()
		m.On(b)
		var got []string
		for _, p := range b.Params() {
			got = append(got, fmt.Sprint(p.Name, p.Shape))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s has %v, want %s", name, got, want)
		}
	}
}
