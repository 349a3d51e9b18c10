package models

import (
	"math"
	"strings"
	"testing"

	"hourglass/graph"
	"hourglass/kernels"
)

var smallBlocks = []Block{{Filters: 4}, {Filters: 6}}

// composedCases are those of testdata/composed.py. What is drawn at random there
// is fed: the file's input, missing and v.
var composedCases = map[string]Config{
	"deep":              {Name: "deep", Latent: 5, Hidden: []int{24, 12}, Activation: "tanh"},
	"linear":            {Name: "linear", Latent: 6},
	"denoising":         {Name: "denoising", Latent: 5, Blocks: smallBlocks},
	"inpainting":        {Name: "inpainting", Network: "dense", Latent: 6, Hidden: []int{24}, Denoise: "square:3", KeepGiven: true},
	"colorization":      {Name: "colorization", Image: [3]int{8, 8, 3}, Latent: 5, Blocks: smallBlocks, Colorize: true},
	"sparse_l1":         {Name: "dense", Latent: 32, Hidden: []int{24}, Sparsity: "l1:1e-2"},
	"sparse_kl":         {Name: "sparse", Latent: 80, Activation: "sigmoid", Sparsity: "kl:0.1:0.01"},
	"contractive_dense": {Name: "contractive", Latent: 6, Contractive: 0.1},
	"contractive_conv":  {Name: "conv", Latent: 3, Blocks: smallBlocks, Activation: "softplus", CodeActivation: "tanh", Contractive: 0.1},
	"hutchinson":        {Name: "conv", Latent: 3, Blocks: smallBlocks, CodeActivation: "sigmoid", Contractive: 0.1, Jacobian: "hutchinson"},
	"everything": {Name: "conv", Image: [3]int{8, 8, 3}, Latent: 4, Blocks: smallBlocks, Activation: "elu", Colorize: true,
		Denoise: "gaussian:0.3", Sparsity: "kl:0.2:0.1", Contractive: 0.05},
}

// smallBatches returns the images of composed.py: every second pixel of the
// middle of the golden batches, or three neighbours as the channels of one.
func smallBatches(t *testing.T, channels int) []float64 {
	t.Helper()
	all := openGolden(t, "golden_batches").values(t, "batches")
	var x []float64
	for step := range goldenSteps {
		for i := range goldenBatch {
			for row := range 8 {
				for column := range 8 {
					for c := range channels {
						image := step*goldenBatch + (i+c)%goldenBatch
						x = append(x, all[image*784+(6+2*row)*28+6+2*column])
					}
				}
			}
		}
	}
	return x
}

// composedRun is a case on a builder, and what each step feeds: for every node
// the values of all steps.
type composedRun struct {
	b     *graph.Builder
	loss  Loss
	grads []*graph.Node
	fed   map[*graph.Node][]float64
	step  *graph.Node
}

func newRecordedRun() composedRun {
	b := graph.NewBuilder()
	return composedRun{b: b, fed: map[*graph.Node][]float64{}, step: b.InputOf(kernels.Int32, "step", 1)}
}

func newComposedRun(t *testing.T, name string, file golden) composedRun {
	t.Helper()
	c := composedCases[name]
	if c.Image == [3]int{} {
		c.Image = [3]int{8, 8, 1}
	}
	m, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	r := newRecordedRun()
	input := func(name string, v []float64, shape ...int) *graph.Node {
		n := r.b.Input(name, append([]int{goldenBatch}, shape...)...)
		r.fed[n] = v
		return n
	}
	x := input("x", smallBatches(t, c.Image[2]), c.Image[:]...)
	drawn := func(key string, shape ...int) *graph.Node {
		if _, ok := file[name+"/"+key]; !ok {
			return nil
		}
		return input(key, file.values(t, name+"/"+key), shape...)
	}
	phase := Phase{Training: true, Input: drawn("input", c.Image[:]...), Missing: drawn("missing", 8, 8, 1)}
	net := m.On(r.b)
	if v := drawn("v", c.Latent); v != nil {
		n := net.(composedNet)
		n.direction = func(*graph.Builder, Phase, *graph.Node) *graph.Node { return v }
		net = n
	}
	r.loss = net.Loss(x, phase)
	r.grads = r.b.Gradients(r.loss.Total, r.b.Trainable()...)
	if r.b.Err() != nil {
		t.Fatal(r.b.Err())
	}
	return r
}

// TestGoldenComposed takes ten steps of Adam with each case and holds losses,
// penalties, first gradients and final weights to PyTorch, which computes the
// contractive ones by differentiating twice.
func TestGoldenComposed(t *testing.T) {
	file := openGolden(t, "golden_composed")
	for name := range composedCases {
		t.Run(name, func(t *testing.T) {
			newComposedRun(t, name, file).holdsTo(t, name, file)
		})
	}
}

// holdsTo trains and compares with a case of a file.
func (r composedRun) holdsTo(t *testing.T, name string, file golden) {
	t.Helper()
	run := r.train(t)
	for term, got := range run.terms {
		for step, want := range file.values(t, name+"/"+term) {
			if off := math.Abs(got[step]-want) / math.Abs(want); !(off <= 2e-6) {
				t.Errorf("step %d: %s is %v, want PyTorch's %v", step, term, got[step], want)
			}
		}
	}
	for i, n := range r.b.Trainable() {
		want := file.values(t, name+"/gradient."+n.Name())
		if off := apart(t, run.grads[i], want) / norm(want); !(off <= 1e-5) {
			t.Errorf("the gradient of %s is off by %.1e of its norm", n.Name(), off)
		}
	}
	for _, p := range r.b.Params() {
		if p.Fixed && p.Name != "codebook.weight" && p.Name != "codebook.count" {
			if off := apart(t, run.final[p.Name], r.initial(p)); off != 0 {
				t.Errorf("%s was to stay as it was, and is off by %.1e", p.Name, off)
			}
			continue
		}
		final := file.values(t, name+"/final."+p.Name)
		moved := make([]float64, len(final))
		for k, v := range r.initial(p) {
			moved[k] = final[k] - v
		}
		if off := apart(t, run.final[p.Name], final) / norm(moved); !(off <= 1e-3) {
			t.Errorf("final %s is off by %.1e of its movement", p.Name, off)
		}
	}
}

// initial returns a variable's first value: a bias has the fan of its weight,
// and a codebook's counts are 0.
func (r composedRun) initial(p *graph.Param) []float64 {
	if p.Name == "codebook.count" {
		return make([]float64, p.Shape.Size())
	}
	fan := p.Shape[:len(p.Shape)-1].Size()
	for _, w := range r.b.Params() {
		if strings.HasSuffix(p.Name, ".bias") && w.Name == strings.TrimSuffix(p.Name, "bias")+"weight" {
			fan = w.Shape[:len(w.Shape)-1].Size()
		}
	}
	return formula(p.Name, p.Shape.Size(), fan)
}

func (r composedRun) train(t *testing.T) trained {
	t.Helper()
	b, dev := r.b, device(t)
	rate, step := b.Input("lr", 1), r.step
	vars, err := graph.NewVariables(dev, b.Params(), graph.VariableOptions{Rows: adam.StateRows()})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range b.Params() {
		if err := vars.Set(p.Name, narrow(r.initial(p))); err != nil {
			t.Fatal(err)
		}
	}
	outs := append([]*graph.Node{r.loss.Total}, r.grads...)
	for _, term := range r.loss.Terms[1:] {
		outs = append(outs, term.Node)
	}
	update := &graph.Update{Params: b.Trainable(), Grads: r.grads, Optimizer: adam, LearningRate: rate, Step: step, Assign: b.Assignments()}
	p, err := graph.CompileWith(b.Graph(), dev, graph.Options{Variables: vars, Update: update}, outs...)
	if err != nil {
		t.Fatal(err)
	}
	run := trained{terms: map[string][]float64{}, final: map[string][]float64{}}
	for s := range goldenSteps {
		feed(t, p, rate, []float64{goldenRate})
		feed(t, p, step, []float64{float64(s)})
		for node, v := range r.fed {
			size := node.Shape().TotalSize()
			feed(t, p, node, v[s*size:][:size])
		}
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		run.terms["loss"] = append(run.terms["loss"], fetchAll(t, p, r.loss.Total)[0][0])
		for _, term := range r.loss.Terms[1:] {
			run.terms[term.Name] = append(run.terms[term.Name], fetchAll(t, p, term.Node)[0][0])
		}
		if s == 0 {
			run.grads = fetchAll(t, p, r.grads...)
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
