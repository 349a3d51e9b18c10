package train

import (
	"math"
	"strings"
	"testing"

	"hourglass/data"
	"hourglass/graph"
	"hourglass/kernels"
	"hourglass/models"
)

// byHand trains a model as a Trainer should, one operation after the other on
// the host: only the gradients come from a program, which is fed the weights.
type byHand struct {
	t         *testing.T
	program   *graph.Program
	x, step   *graph.Node
	params    []*graph.Node
	grads     []*graph.Node
	optimizer kernels.Optimizer
	state     kernels.Array // [rows n]
}

func newByHand(t *testing.T, m models.Model, weights []graph.Array, batch int, seed uint64, o kernels.Optimizer) *byHand {
	b := graph.NewBuilder()
	net := m.On(b)
	h := &byHand{t: t, x: b.Input("x", batch, 8, 8, 1), step: b.InputOf(kernels.Int32, "step", 1), params: b.Trainable(), optimizer: o}
	loss := net.Loss(h.x, models.Phase{Training: true, Step: h.step, Seed: seed}).Total
	h.grads = b.Gradients(loss, h.params...)
	if b.Err() != nil {
		t.Fatal(b.Err())
	}
	var err error
	if h.program, err = graph.Compile(b.Graph(), device(t, 1), h.grads...); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, p := range h.params {
		n += p.Shape().TotalSize()
	}
	h.state = kernels.NewArray(kernels.Shape{o.StateRows(), n})
	at := 0
	for i, p := range h.params {
		if weights[i].Name != p.Name() {
			t.Fatalf("weights of %s, want %s", weights[i].Name, p.Name())
		}
		for _, w := range weights[i].Data {
			h.state.Data[at] = float64(w)
			at++
		}
	}
	return h
}

// take takes a step on the given images.
func (h *byHand) take(images []float32, step int, rate, clip float64) {
	n := h.state.Shape[1]
	check := func(err error) {
		if err != nil {
			h.t.Fatal(err)
		}
	}
	check(h.program.FeedFloats(h.x, images))
	check(h.program.FeedInts(h.step, []int32{int32(step)}))
	at := 0
	for _, p := range h.params {
		value := make([]float32, p.Shape().TotalSize())
		for i := range value {
			value[i] = float32(h.state.Data[at+i])
		}
		at += len(value)
		check(h.program.FeedFloats(p, value))
	}
	check(h.program.Compute())
	gradient := kernels.NewArray(kernels.Shape{n})
	at = 0
	for _, g := range h.grads {
		value := make([]float32, g.Shape().TotalSize())
		check(h.program.FetchInto(value, g))
		for _, v := range value {
			gradient.Data[at] = float64(v)
			at++
		}
	}
	clipped, next := kernels.NewArray(gradient.Shape), kernels.NewArray(h.state.Shape)
	kernels.ClipByGlobalNorm{Max: clip}.Ref(clipped, gradient)
	h.optimizer.Ref(next, h.state, clipped,
		kernels.Array{Shape: kernels.Shape{1}, Data: []float64{rate}},
		kernels.Array{Shape: kernels.Shape{1}, Data: []float64{float64(step)}})
	h.state = next
}

// TestStepsByHand holds whole runs to ones by hand: order of the images, noise,
// rate, clipping and every optimizer with its options.
func TestStepsByHand(t *testing.T) {
	for name, c := range map[string]struct {
		options Optimizer
		want    kernels.Optimizer
	}{
		"sgd":      {Optimizer{Name: "sgd", WeightDecay: 0.1}, kernels.SGD{WeightDecay: 0.1}},
		"nesterov": {Optimizer{Name: "sgd", Momentum: 0.8, Nesterov: true}, kernels.SGD{Momentum: 0.8, Nesterov: true}},
		"adam":     {Optimizer{}, kernels.Adam{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}},
		"adam l2":  {Optimizer{Beta1: 0.8, Beta2: 0.99, Epsilon: 1e-4, WeightDecay: 0.1}, kernels.Adam{Beta1: 0.8, Beta2: 0.99, Epsilon: 1e-4, WeightDecay: 0.1}},
		"adamw":    {Optimizer{Name: "adamw", WeightDecay: 0.5}, kernels.Adam{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: 0.5, Decoupled: true}},
		"rmsprop":  {Optimizer{Name: "rmsprop", Momentum: 0.5}, kernels.RMSProp{Alpha: 0.99, Epsilon: 1e-8, Momentum: 0.5}},
	} {
		cfg := Config{Epochs: 3, Batch: 8, Seed: 11, ClipNorm: 0.02, Optimizer: c.options, Schedule: Schedule{Name: "cosine", Floor: 1e-3}}
		cfg.Optimizer.LearningRate = 0.02
		m, images := smallModel(t, "dense"), blobs(16)
		tr, err := New(m, device(t, 1), images, nil, cfg)
		if err != nil {
			t.Fatal(err)
		}
		weights, err := tr.Weights()
		if err != nil {
			t.Fatal(err)
		}
		hand := newByHand(t, m, weights, 8, cfg.Seed, c.want)
		for step := range 6 {
			var batch []float32
			for _, i := range data.Batch(data.Order(16, cfg.Seed, step/2), 8, step%2) {
				batch = append(batch, Scale(images.Image(int(i)))...)
			}
			hand.take(batch, step, 1e-3+0.0095*(1+math.Cos(math.Pi*float64(step)/6)), cfg.ClipNorm)
		}
		mustRun(t, tr, RunOptions{})
		if weights, err = tr.Weights(); err != nil {
			t.Fatal(err)
		}
		at := 0
		for _, w := range weights {
			for i, got := range w.Data {
				if want := hand.state.Data[at]; !(math.Abs(float64(got)-want) <= 2e-5) {
					t.Fatalf("%s: %s[%d] is %v, by hand %v", name, w.Name, i, got, want)
				}
				at++
			}
		}
	}
}

// TestL1 holds a step of SGD to w − lr·(g + l1·sign(w)), with g that of a step
// without l1, for all weights, biases that are 0 among them; and the loss of the
// step to that without.
func TestL1(t *testing.T) {
	const rate, l1 = 0.5, 0.25
	step := func(l1, clip float64) (before, after []float32, loss float64, plan string) {
		cfg := Config{Epochs: 1, Batch: 8, Seed: 3, ClipNorm: clip, Optimizer: Optimizer{Name: "sgd", LearningRate: rate, L1: l1}}
		m, err := models.New(models.Config{Name: "dense", Image: [3]int{8, 8, 1}, Hidden: []int{12}, Latent: 3})
		if err != nil {
			t.Fatal(err)
		}
		tr, err := New(m, device(t, 1), blobs(8), nil, cfg)
		if err != nil {
			t.Fatal(err)
		}
		all := func() (values []float32) {
			weights, err := tr.Weights()
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range weights {
				values = append(values, w.Data...)
			}
			return values
		}
		before = all()
		if plan, err = tr.Plan(); err != nil {
			t.Fatal(err)
		}
		mustRun(t, tr, RunOptions{OnStep: func(s Step) { loss = s.Loss }})
		return before, all(), loss, plan
	}
	weights, plain, want, plan := step(0, 0)
	if strings.Contains(plan, "sign") {
		t.Errorf("without l1 a step still takes signs:\n%s", plan)
	}
	_, shrunk, got, _ := step(l1, 0)
	if got != want {
		t.Errorf("the loss is %v with l1 and %v without", got, want)
	}
	zeros, norm := 0, 0.0
	for i, w := range weights {
		sign := float64(0)
		switch {
		case w > 0:
			sign = 1
		case w < 0:
			sign = -1
		default:
			zeros++
		}
		if want := float64(plain[i]) - rate*l1*sign; !(math.Abs(float64(shrunk[i])-want) <= 1e-6) {
			t.Fatalf("weight %d of %v is %v after the step, want %v", i, w, shrunk[i], want)
		}
		g := float64(w-plain[i])/rate + l1*sign
		norm += g * g
	}
	if zeros == 0 {
		t.Error("no weight is 0: nothing is tested there")
	}
	// What is clipped is the sum.
	const clip = 0.1
	_, clipped, _, _ := step(l1, clip)
	for i, w := range weights {
		if want := float64(w) + (float64(shrunk[i])-float64(w))*clip/math.Sqrt(norm); !(math.Abs(float64(clipped[i])-want) <= 1e-6) {
			t.Fatalf("weight %d of %v is %v after a clipped step, want %v", i, w, clipped[i], want)
		}
	}
}

// TestL1OfFixedWeights: a stage of a stacked model shrinks what it trains, and no
// other weight.
func TestL1OfFixedWeights(t *testing.T) {
	cfg := small
	cfg.Optimizer = Optimizer{Name: "adamw", L1: 0.5}
	stage, err := New(models.Stages(newStacked(t, cfg).model)[1], device(t, 1), blobs(smallImages), nil, cfg)
	if err != nil {
		t.Fatal(err)
	}
	before := variables(t, stage.vars)
	mustRun(t, stage, RunOptions{})
	after := variables(t, stage.vars)
	for _, p := range stage.vars.Params() {
		if same(before[p.Name], after[p.Name]) != p.Fixed {
			t.Errorf("%s, fixed %v: changed %v", p.Name, p.Fixed, !p.Fixed)
		}
	}
}
