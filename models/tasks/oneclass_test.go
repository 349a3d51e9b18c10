package tasks

import (
	"context"
	"errors"
	"testing"

	"hourglass/data"
	"hourglass/kernels/cpu"
	"hourglass/models"
	"hourglass/models/train"
)

// stripes returns images of two classes: lying and standing stripes.
func stripes(n int) *data.Dataset {
	d := &data.Dataset{Name: "stripes", N: n, H: 8, W: 8, C: 1, Values: make([]float32, n*64), Labels: make([]uint8, n)}
	for i := range n {
		d.Labels[i] = uint8(i % 2)
		for place := range 64 {
			along := [2]int{place / 8, place % 8}[i%2]
			if (along+i/2)%4 < 2 {
				d.Values[i*64+place] = 1
			}
		}
	}
	return d
}

func TestOneClass(t *testing.T) {
	dev, err := cpu.New(cpu.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	o := OneClassOptions{Model: models.Config{Name: "dense", Hidden: []int{16}, Latent: 4},
		Train: train.Config{Epochs: 60, Batch: 8, Seed: 1, Optimizer: train.Optimizer{LearningRate: 0.01}}}
	var results []OneClassResult
	err = OneClass(context.Background(), dev, stripes(64), stripes(20), o, func(r OneClassResult) error {
		results = append(results, r)
		return nil
	})
	if err != nil || len(results) != 2 {
		t.Fatalf("%v, %v", results, err)
	}
	for i, r := range results {
		if int(r.Class) != i || r.Training != 32 || r.AUROC < 0.9 || r.AUPRC < 0.9 {
			t.Errorf("%+v, want stripes of class %d told from the others", r, i)
		}
	}
	o.Classes, o.Train.Limit = []uint8{1}, 10
	enough := errors.New("enough")
	err = OneClass(context.Background(), dev, stripes(64), stripes(20), o, func(r OneClassResult) error {
		if r.Class != 1 || r.Training != 10 {
			t.Errorf("%+v, want 10 samples of class 1", r)
		}
		return enough
	})
	if !errors.Is(err, enough) {
		t.Errorf("the caller's error becomes %v", err)
	}
	o.Classes = []uint8{5}
	wantError(t, OneClass(context.Background(), dev, stripes(8), stripes(8), o, nil), "class 5: tasks: stripes has no sample of class 5")
	plain := stripes(8)
	plain.Labels = nil
	wantError(t, OneClass(context.Background(), dev, plain, stripes(8), o, nil), "has no labels")
}
