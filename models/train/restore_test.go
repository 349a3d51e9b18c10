package train

import (
	"testing"

	"hourglass/data"
	"hourglass/models"
)

// TestRestore: a runner corrupts images as the model was trained to undo, always
// alike, and restores what is missing.
func TestRestore(t *testing.T) {
	m, err := models.New(models.Config{Name: "inpainting", Network: "dense", Image: [3]int{8, 8, 1}, Hidden: []int{32}, Latent: 8, Denoise: "square:3", KeepGiven: true})
	if err != nil {
		t.Fatal(err)
	}
	cfg := small
	cfg.Epochs = 40
	tr := newTrainer(t, m, cfg)
	mustRun(t, tr, RunOptions{})
	images := Scale(blobs(smallImages).Pixels)
	corrupted, restored, err := tr.Runner().Restore(images)
	if err != nil {
		t.Fatal(err)
	}
	again, _, err := tr.Runner().Restore(images)
	if err != nil || !same(corrupted, again) {
		t.Errorf("corrupted otherwise the second time (%v)", err)
	}
	before, after := 0.0, 0.0
	for i := range images {
		d, e := float64(corrupted[i]-images[i]), float64(restored[i]-images[i])
		before += d * d
		after += e * e
		if d == 0 && corrupted[i] != 0 && e != 0 {
			t.Fatalf("value %d was given as %v and is restored as %v", i, images[i], restored[i])
		}
	}
	if !(after < before/2) {
		t.Errorf("the squared error goes from %.4g to %.4g, want less than half", before, after)
	}
	plain := newTrainer(t, smallModel(t, "dense"), small)
	if _, _, err := plain.Runner().Restore(images); err == nil {
		t.Error("a model without denoise restores")
	}
}

// TestColorization learns colours that follow from what is seen in grey: spots
// are red on the left and blue on the right.
func TestColorization(t *testing.T) {
	grey := blobs(96)
	coloured := &data.Dataset{Name: "coloured blobs", N: grey.N, H: 8, W: 8, C: 3, Pixels: make([]byte, 3*len(grey.Pixels))}
	for i, v := range grey.Pixels {
		channel := 0
		if i%8 >= 4 {
			channel = 2
		}
		coloured.Pixels[3*i+channel] = v
	}
	m, err := models.New(models.Config{Name: "colorization", Network: "dense", Image: [3]int{8, 8, 3}, Hidden: []int{48}, Latent: 16, CodeActivation: "identity", Colorize: true})
	if err != nil {
		t.Fatal(err)
	}
	tr, err := New(m, device(t, 1), coloured, nil, Config{Epochs: 100, Batch: 16, Seed: 3, Optimizer: Optimizer{LearningRate: 0.005}})
	if err != nil {
		t.Fatal(err)
	}
	mustRun(t, tr, RunOptions{})
	images := Scale(coloured.Pixels)
	got, err := tr.Runner().Reconstruct(images)
	if err != nil {
		t.Fatal(err)
	}
	before, after := 0.0, 0.0
	for i := 0; i < len(images); i += 3 {
		luma := 0.299*images[i] + 0.587*images[i+1] + 0.114*images[i+2]
		for c := range 3 {
			d, e := float64(luma-images[i+c]), float64(got[i+c]-images[i+c])
			before += d * d
			after += e * e
		}
	}
	if !(after < before/5) {
		t.Errorf("the squared error is %.4g, that of the grey images %.4g; want less than a fifth", after, before)
	}
}
