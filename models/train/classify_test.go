package train

import (
	"context"
	"math"
	"testing"

	"hourglass/data"
	"hourglass/graph"
	"hourglass/kernels"
	"hourglass/models"
)

// labelled is blobs whose labels tell in which of three bands they are.
func labelled(n int) *data.Dataset {
	d := blobs(n)
	d.Labels = make([]uint8, n)
	for i := range n {
		d.Labels[i] = uint8(i * 7 % 16 / 6)
	}
	return d
}

func newClassifier(t testing.TB, change func(*models.Config), cfg Config, d *data.Dataset) *Trainer {
	t.Helper()
	c := models.Config{Name: "deep", Image: [3]int{8, 8, 1}, Hidden: []int{20, 12}, Latent: 4, Activation: "sigmoid", Classes: 3}
	change(&c)
	m, err := models.New(c)
	if err != nil {
		t.Fatal(err)
	}
	tr, err := New(m, device(t, 1), d, nil, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// TestClassifier learns labels on the encoder of another run: the metrics agree
// with the confusion matrix, and the decoder stays as it was.
func TestClassifier(t *testing.T) {
	cfg := Config{Epochs: 25, Batch: 10, Optimizer: Optimizer{LearningRate: 0.01}}
	pretrained := newStacked(t, cfg)
	if err := pretrained.Run(context.Background(), RunOptions{}); err != nil {
		t.Fatal(err)
	}
	weights, err := pretrained.Weights()
	if err != nil {
		t.Fatal(err)
	}
	for _, headOnly := range []bool{false, true} {
		d := labelled(120)
		cfg.Epochs = 40
		tr := newClassifier(t, func(c *models.Config) {
			*c = stacked
			c.Classes, c.HeadOnly = 3, headOnly
		}, cfg, d)
		if err := tr.BeginWith(weights); err != nil {
			t.Fatal(err)
		}
		if err := tr.Run(context.Background(), RunOptions{}); err != nil {
			t.Fatal(err)
		}
		after := variables(t, tr.vars)
		for _, w := range weights {
			trained := !headOnly && w.Name[:len("encoder")] == "encoder"
			if changed := !same(w.Data, after[w.Name]); changed != trained {
				t.Errorf("head only %v: %s changed: %v, want %v", headOnly, w.Name, changed, trained)
			}
		}
		metrics, err := tr.Runner().Evaluate(context.Background(), d)
		if err != nil {
			t.Fatal(err)
		}
		counts, err := tr.Runner().Confusion(context.Background(), d)
		if err != nil {
			t.Fatal(err)
		}
		right, all := 0, 0
		for label, row := range counts {
			for class, n := range row {
				all += n
				if label == class {
					right += n
				}
			}
		}
		accuracy := metrics[1].Value
		if metrics[1].Name != "accuracy" || all != d.N || !(math.Abs(accuracy-float64(right)/float64(all)) <= 1e-6) {
			t.Errorf("%s %v, but %d of %d are right", metrics[1].Name, accuracy, right, all)
		}
		if least := map[bool]float64{false: 0.95, true: 0.5}[headOnly]; accuracy < least {
			t.Errorf("head only %v: accuracy %v, want at least %v", headOnly, accuracy, least)
		}
	}
}

func TestClassifierErrors(t *testing.T) {
	tr := newClassifier(t, func(*models.Config) {}, small, labelled(20))
	unlabelled, many := blobs(20), labelled(20)
	many.Labels[3] = 7
	for want, err := range map[string]error{
		"train: blobs has no labels for a classifier to learn from or to be measured by": newError(New(tr.model, tr.dev, unlabelled, nil, small)),
		"train: blobs has labels up to 7, want at most 2 for 3 classes":                  newError(New(tr.model, tr.dev, many, nil, small)),
		"train: weights to begin with: the model deep has no encoder.9.weight":           tr.BeginWith([]graph.Array{{Name: "encoder.9.weight", Shape: kernels.Shape{1}, Data: []float32{1}}}),
		"train: the model stacked knows no classes: it was not trained on labels":        newError(newStacked(t, small).Runner().Classify(nil)),
	} {
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func newError[T any](_ T, err error) error { return err }
