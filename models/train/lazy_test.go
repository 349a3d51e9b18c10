package train

import (
	"testing"

	"hourglass/data"
	"hourglass/models"
)

// TestLazyData trains on images that are drawn when a step needs them, and on
// the same ones drawn beforehand: the runs must be one.
func TestLazyData(t *testing.T) {
	m, err := models.New(models.Config{Name: "dense", Hidden: []int{16}, Latent: 4})
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Epochs: 2, Batch: 32, Seed: 3}
	run := func(open func(string, data.Split) (*data.Dataset, error)) *Trainer {
		all, err := open("builtin", data.Train)
		if err != nil {
			t.Fatal(err)
		}
		images, err := all.Slice(100, 250)
		if err != nil {
			t.Fatal(err)
		}
		tr, err := New(m, device(t, 2), images, images, cfg)
		if err != nil {
			t.Fatal(err)
		}
		mustRun(t, tr, RunOptions{})
		return tr
	}
	lazy := run(data.OpenLazy)
	if lazy.feed.(*resident).absent == nil {
		t.Fatal("the lazy set was drawn before the run")
	}
	checkSameRun(t, "lazy", lazy, run(data.Open))
}
