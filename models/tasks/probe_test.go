package tasks

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"testing"

	"hourglass/data"
)

// TestProbeAsScikitLearn compares with scikit-learn's LogisticRegression, see
// testdata/gen.py.
func TestProbeAsScikitLearn(t *testing.T) {
	text, err := os.ReadFile("testdata/probe.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Dim        int
		X, Test    []float32
		Y, Answers []int
		Fits       []struct {
			L2                       float64
			Coefficients, Intercepts []float64
			Predicted                []int
			Train, Accuracy          float64
		}
	}
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	bytesOf := func(v []int) []uint8 {
		out := make([]uint8, len(v))
		for i, x := range v {
			out[i] = uint8(x)
		}
		return out
	}
	y, answers := bytesOf(golden.Y), bytesOf(golden.Answers)
	for _, want := range golden.Fits {
		p, err := FitProbe(golden.X, golden.Dim, y, ProbeOptions{L2: want.L2, Tolerance: 1e-9, Iterations: 2000})
		if err != nil {
			t.Fatal(err)
		}
		for i, w := range want.Coefficients {
			if got := p.weights.At(i%p.classes, i/p.classes); !(math.Abs(got-w) <= 1e-5*max(1, math.Abs(w))) {
				t.Errorf("L2 %v: weight %d is %v, want %v", want.L2, i, got, w)
			}
		}
		for k, b := range want.Intercepts {
			if got := p.weights.At(k, p.dim); !(math.Abs(got-b) <= 1e-5*max(1, math.Abs(b))) {
				t.Errorf("L2 %v: intercept %d is %v, want %v", want.L2, k, got, b)
			}
		}
		predicted, err := p.Predict(golden.Test)
		if err != nil {
			t.Fatal(err)
		}
		for i, w := range want.Predicted {
			if int(predicted[i]) != w {
				t.Errorf("L2 %v: sample %d is of class %d, want %d", want.L2, i, predicted[i], w)
			}
		}
		for _, c := range []struct {
			x    []float32
			y    []uint8
			want float64
		}{{golden.X, y, want.Train}, {golden.Test, answers, want.Accuracy}} {
			if got, err := p.Accuracy(c.x, c.y); err != nil || !(math.Abs(got-c.want) <= 1e-12) {
				t.Errorf("L2 %v: accuracy %v, want %v (%v)", want.L2, got, c.want, err)
			}
		}
	}
}

func TestCompareProbes(t *testing.T) {
	ctx := context.Background()
	r := runnerOf(t, small)
	draw := func(n int) *data.Dataset { // two classes, told by brightness
		d := samplesOf(n, 8, 8, 1)
		d.Labels = make([]uint8, n)
		for i := range d.Values {
			if i/64%2 == 0 {
				d.Values[i] *= 0.2
			} else {
				d.Labels[i/64] = 1
			}
		}
		return d
	}
	results, err := CompareProbes(ctx, r, draw(60), draw(20), ProbeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	dims := map[string]int{"codes": 3, "pca": 3, "pixels": 64}
	for _, p := range results {
		if p.Dim != dims[p.Features] || p.Train < 0.95 || p.Test < 0.95 || p.Iterations < 1 {
			t.Errorf("%+v, want nearly all right of %d numbers", p, dims[p.Features])
		}
	}
	if len(results) != 3 {
		t.Errorf("%d results, want 3", len(results))
	}
	plain := draw(5)
	plain.Labels = nil
	_, err = CompareProbes(ctx, r, draw(6), plain, ProbeOptions{})
	wantError(t, err, "samples has no labels to predict")
	_, err = FitProbe([]float32{1, 2, 3}, 2, []uint8{0}, ProbeOptions{})
	wantError(t, err, "3 numbers, want 2 for each of 1 labels")
	_, err = FitProbe([]float32{1}, 1, []uint8{0}, ProbeOptions{L2: -1})
	wantError(t, err, "L2 -1")
	_, err = FitProbe([]float32{1, float32(math.NaN())}, 1, []uint8{0, 1}, ProbeOptions{})
	wantError(t, err, "not finite")
}
