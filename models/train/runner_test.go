package train

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hourglass/data"
	"hourglass/graph"
	"hourglass/kernels"
	"hourglass/models"
)

// opened is a runner on the weights of a short run.
func opened(t *testing.T, name string, batch int) *Runner {
	t.Helper()
	_, folder := uninterrupted(t, name, small)
	r, err := OpenRunner(filepath.Join(folder, BestName), device(t, 2), RunnerOptions{Batch: batch})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func checkClose(t *testing.T, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	for i, w := range want {
		if !(math.Abs(float64(got[i]-w)) <= 1e-5*(1+math.Abs(float64(w)))) {
			t.Fatalf("%s: number %d is %v, want %v", what, i, got[i], w)
		}
	}
}

func TestRunner(t *testing.T) {
	for name := range smallModels {
		r := opened(t, name, 4)
		if r.Latent() != 3 || !r.Shape().Equal([]int{8, 8, 1}) {
			t.Fatalf("%s: code of %d, images of %v", name, r.Latent(), r.Shape())
		}
		for _, n := range []int{0, 1, 4, 11} {
			images := Scale(blobs(n).Pixels)
			codes, err := r.Encode(images)
			if err != nil || len(codes) != 3*n {
				t.Fatalf("%s: %d numbers of code for %d images, %v", name, len(codes), n, err)
			}
			decoded, err := r.Decode(codes)
			if err != nil {
				t.Fatal(err)
			}
			reconstructed, err := r.Reconstruct(images)
			if err != nil || len(reconstructed) != 64*n {
				t.Fatalf("%s: %d pixels for %d images, %v", name, len(reconstructed), n, err)
			}
			checkClose(t, name+": decoded codes", decoded, reconstructed)
			// One at a time gives the same.
			for i := range n {
				one, err := r.Encode(images[64*i : 64*i+64])
				if err != nil {
					t.Fatal(err)
				}
				checkClose(t, name+": code of one image", one, codes[3*i:3*i+3])
			}
		}
	}
}

func TestEvaluate(t *testing.T) {
	for name := range smallModels {
		r := opened(t, name, 4)
		for _, n := range []int{3, 8, 11} {
			metrics, err := r.Evaluate(context.Background(), blobs(n))
			if err != nil {
				t.Fatal(err)
			}
			images := Scale(blobs(n).Pixels)
			reconstructed, err := r.Reconstruct(images)
			if err != nil {
				t.Fatal(err)
			}
			want := 0.0
			for i, x := range images {
				want += float64(x-reconstructed[i]) * float64(x-reconstructed[i]) / float64(len(images))
			}
			i := slices.IndexFunc(metrics, func(v Value) bool { return v.Name == "mse" })
			if i < 0 || !(math.Abs(metrics[i].Value-want) <= 1e-5*want) {
				t.Errorf("%s on %d images: %v, want mse %g", name, n, metrics, want)
			}
			again, err := r.Evaluate(context.Background(), blobs(n))
			if err != nil || !slices.Equal(again, metrics) {
				t.Errorf("%s on %d images: %v, then %v (%v)", name, n, metrics, again, err)
			}
		}
	}
}

// The random numbers of a vae's metrics are the seed's.
func TestEvaluateSeeds(t *testing.T) {
	tr, _ := uninterrupted(t, "vae", small)
	weights, err := tr.Weights()
	if err != nil {
		t.Fatal(err)
	}
	var kl, elbo [3]float64
	for i, seed := range []uint64{1, 1, 2} {
		r, err := NewRunner(tr.model, device(t, 1), weights, RunnerOptions{Batch: 8, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		metrics, err := r.Evaluate(context.Background(), blobs(13))
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range metrics {
			switch v.Name {
			case "kl":
				kl[i] = v.Value
			case "elbo":
				elbo[i] = v.Value
			}
		}
	}
	if kl[0] != kl[2] || elbo[0] != elbo[1] || elbo[0] == elbo[2] || elbo[0] == 0 {
		t.Errorf("seeds 1, 1, 2: kl %v, elbo %v; want the kl of all equal, the elbo of the first two alone", kl, elbo)
	}
}

func TestSample(t *testing.T) {
	r := opened(t, "vae", 4)
	ten, err := r.Sample(10, 3)
	if err != nil {
		t.Fatal(err)
	}
	six, err := r.Sample(6, 3)
	if err != nil {
		t.Fatal(err)
	}
	checkClose(t, "the first six of ten samples", ten[:6*64], six)
	other, err := r.Sample(6, 4)
	if err != nil || slices.Equal(six, other) || slices.Equal(six[:64], six[64:128]) {
		t.Errorf("samples of two seeds, or two samples, are equal (%v)", err)
	}
	if _, err := opened(t, "dense", 4).Sample(1, 0); err == nil || !strings.Contains(err.Error(), "vae") {
		t.Errorf("samples of a dense model: error %v, want one that names the vae", err)
	}
}

func TestRunnerRefusals(t *testing.T) {
	r := opened(t, "dense", 0)
	if _, err := r.Encode(make([]float32, 65)); err == nil {
		t.Error("65 pixels were encoded, want an error: an image has 64")
	}
	if _, err := r.Decode(make([]float32, 4)); err == nil {
		t.Error("4 numbers were decoded, want an error: a code has 3")
	}
	wide := &data.Dataset{Name: "wide", N: 1, H: 8, W: 16, C: 1, Pixels: make([]byte, 128)}
	if _, err := r.Evaluate(context.Background(), wide); err == nil || !strings.Contains(err.Error(), "wide") {
		t.Errorf("images of another shape: error %v, want one that names the set", err)
	}
	if _, err := r.Evaluate(context.Background(), blobs(0)); err == nil {
		t.Error("an empty set was evaluated")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := r.Evaluate(ctx, blobs(3)); !errors.Is(err, ErrStopped) {
		t.Errorf("cancelled: error %v, want ErrStopped", err)
	}
}

// TestImportanceSamples asks for the likelihood, which fits between the bounds
// that hold for it.
func TestImportanceSamples(t *testing.T) {
	_, folder := uninterrupted(t, "vae", small)
	path := filepath.Join(folder, BestName)
	r, err := OpenRunner(path, device(t, 2), RunnerOptions{Batch: 4, Samples: 50})
	if err != nil {
		t.Fatal(err)
	}
	values, err := r.Evaluate(context.Background(), blobs(11))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]float64{}
	for _, v := range values {
		found[v.Name] = v.Value
	}
	if !(found["nll_is"] > 0 && found["nll_is"] < -found["elbo"]) {
		t.Errorf("nll_is %v, want above 0 and below −elbo %v", found["nll_is"], -found["elbo"])
	}
	if _, err := OpenRunner(path, device(t, 2), RunnerOptions{Samples: -1}); err == nil || err.Error() != "train: runner samples is -1, want 0 or more" {
		t.Errorf("negative samples: %v", err)
	}
	_, folder = uninterrupted(t, "dense", small)
	_, err = OpenRunner(filepath.Join(folder, BestName), device(t, 2), RunnerOptions{Samples: 5})
	if err == nil || !strings.HasSuffix(err.Error(), "vae and iwae do") {
		t.Errorf("samples of a dense model: %v", err)
	}
}

// TestEvaluationHasItsOwnNoise: what evaluation draws for its first batch is not
// what the same seed gives training for its own, but of the complement.
func TestEvaluationHasItsOwnNoise(t *testing.T) {
	const seed, n = 7, 8
	m := smallModel(t, "vae")
	tr, err := New(m, device(t, 1), blobs(n), nil, Config{Batch: n, Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	got, err := tr.Runner().mean(context.Background(), toLoss, blobs(n))
	if err != nil {
		t.Fatal(err)
	}
	loss := func(seed uint64, training bool) float64 {
		b := graph.NewBuilder()
		net := m.On(b)
		x, step := b.Input("x", n, 8, 8, 1), b.InputOf(kernels.Int32, "step", 1)
		total := net.Loss(x, models.Phase{Training: training, Step: step, Seed: seed}).Total
		p, err := graph.CompileWith(b.Graph(), tr.dev, graph.Options{Variables: tr.vars}, total)
		if err == nil {
			err = p.FeedFloats(x, Scale(blobs(n).Pixels))
		}
		if err == nil {
			err = p.FeedInts(step, []int32{0})
		}
		if err == nil {
			err = p.Compute()
		}
		if err != nil {
			t.Fatal(err)
		}
		value, err := p.Scalar(total)
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
	same := func(a, b float64) bool { return math.Abs(a-b) <= 1e-6*math.Abs(b) }
	if ours, trained := loss(^uint64(seed), false), loss(seed, true); !same(got[0].Value, ours) || same(ours, trained) {
		t.Errorf("the loss is %v; by the seed's complement it is %v, and training's noise gives %v", got[0].Value, ours, trained)
	}
}

// TestBatchesAtRandom: a model that judges batches as a whole is given the samples
// of a set in another order than theirs, with their labels.
func TestBatchesAtRandom(t *testing.T) {
	d := labelled(20)
	tr := newClassifier(t, func(c *models.Config) { c.Name, c.Lambda = "wae", 1 }, Config{Batch: 6}, d)
	r := tr.Runner()
	next := r.order(d.N)
	var met []int32
	for _, want := range []int{6, 6, 6, 2, 0} {
		batch := next()
		if len(batch) != want {
			t.Errorf("a batch of %d, want %d", len(batch), want)
		}
		met = append(met, batch...)
	}
	if slices.IsSorted(met) {
		t.Error("the order is that of the set")
	}
	slices.Sort(met)
	if whole := data.InOrder(d.N, d.N)(); !slices.Equal(met, whole) {
		t.Errorf("met %v, want %v", met, whole)
	}
	got, err := r.Evaluate(context.Background(), d)
	if err != nil {
		t.Fatal(err)
	}
	streamed, err := r.Evaluate(context.Background(), fromFiles{d, nil})
	if err != nil || !slices.Equal(got, streamed) {
		t.Errorf("%v and from files %v, %v", got, streamed, err)
	}
	probabilities, err := r.Classify(Scale(d.Pixels))
	if err != nil {
		t.Fatal(err)
	}
	want := 0.0
	for i, label := range d.Labels {
		want -= math.Log(float64(probabilities[3*i+int(label)])) / float64(d.N)
	}
	if got[0].Name != "cross_entropy" || !(math.Abs(got[0].Value-want) <= 1e-5) {
		t.Errorf("%s is %v, want %v", got[0].Name, got[0].Value, want)
	}
	if first := opened(t, "dense", 3).order(5)(); !slices.Equal(first, []int32{0, 1, 2}) {
		t.Errorf("a dense model is given %v first", first)
	}
}
