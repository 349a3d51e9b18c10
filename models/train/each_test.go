package train

import (
	"context"
	"math"
	"path/filepath"
	"strings"
	"testing"
)

func TestEvaluateEach(t *testing.T) {
	r := opened(t, "dense", 4)
	images := Scale(blobs(5).Pixels)
	each, err := r.EvaluateEach("mse", images)
	if err != nil || len(each) != 5 {
		t.Fatalf("%v, %v, want 5 values", each, err)
	}
	all, err := r.Evaluate(context.Background(), blobs(5))
	if err != nil {
		t.Fatal(err)
	}
	mean := 0.0
	for _, v := range each {
		mean += v / 5
	}
	if !(math.Abs(mean-all[0].Value) <= 1e-6) {
		t.Errorf("the mean of %v is %v, want mse %v", each, mean, all[0].Value)
	}
	if _, err := r.EvaluateEach("elbo", images); err == nil || !strings.Contains(err.Error(), "no metric elbo, it has [mse") {
		t.Errorf("error %v, want one that names the metrics", err)
	}
	if _, err := r.EvaluateEach("mse", images[1:]); err == nil {
		t.Error("a part of an image is not refused")
	}
}

func TestRunnerReturnsItsWeights(t *testing.T) {
	_, folder := uninterrupted(t, "dense", small)
	r, err := OpenRunner(filepath.Join(folder, BestName), device(t, 1), RunnerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.Weights()
	if err != nil {
		t.Fatal(err)
	}
	_, want, _, err := ReadWeights(filepath.Join(folder, BestName))
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string][]float32{}
	for _, a := range want {
		byName[a.Name] = a.Data
	}
	for _, a := range got {
		checkClose(t, a.Name, a.Data, byName[a.Name])
	}
	if len(got) != len(want) {
		t.Errorf("%d variables, want %d", len(got), len(want))
	}
}
