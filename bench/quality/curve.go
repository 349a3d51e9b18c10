package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"path/filepath"

	"hourglass/models/plots"
)

// curve is how the same model learned elsewhere.
type curve struct {
	who     string // that trained it
	text    []byte // JSON of its epochs
	picture string // the plot's file, beside the table
	title   string // of the plot
}

var (
	//go:embed torch_iwae.json
	torchIWAE []byte // by torch_iwae.py
	//go:embed pythae_vae.json
	pythaeVAE []byte // by pythae's own script
)

// curves are those of rows, by their names.
var curves = map[string]curve{
	"vae-binary-mnist":  {"pythae's script", pythaeVAE, "quality-vae.png", "VAE 784-400-40 on binarised MNIST"},
	"iwae-binary-mnist": {"PyTorch", torchIWAE, "quality-iwae.png", "IWAE of 50 codes on binarised MNIST"},
}

// learned is what a curve's file holds.
type learned struct {
	NLL    float64 `json:"nll_200"` // of the test images by 200 codes in nats, 0 where it was not measured
	Epochs []struct {
		Epoch int     `json:"epoch"`
		Loss  float64 `json:"val_loss"`
	} `json:"epochs"`
}

// elsewhere returns how the row's model learned elsewhere, and whether that is
// known of its whole training.
func (e *experiment) elsewhere() (curve, learned, bool) {
	c, ok := curves[e.row.name]
	if !ok || e.quick {
		return c, learned{}, false
	}
	var l learned
	if err := json.Unmarshal(c.text, &l); err != nil {
		panic(fmt.Sprintf("quality: the curve of %s: %v", e.row.name, err))
	}
	return c, l, true
}

// besideCurve compares the validation losses with those of the same epochs
// elsewhere, in a figure of the table and in a plot beside it.
func (e *experiment) besideCurve() error {
	c, theirs, ok := e.elsewhere()
	if !ok {
		return nil
	}
	ours, others := plots.Series{Name: "Hourglass"}, plots.Series{Name: c.who}
	for _, epoch := range e.history {
		if epoch.ValLoss != nil {
			ours.Points = append(ours.Points, plots.Point{X: float64(epoch.Epoch), Y: *epoch.ValLoss})
		}
	}
	for _, epoch := range theirs.Epochs {
		others.Points = append(others.Points, plots.Point{X: float64(epoch.Epoch), Y: epoch.Loss})
	}
	n := min(len(ours.Points), len(others.Points))
	if n == 0 {
		return nil
	}
	e.add(fmt.Sprintf("validation loss after %d epochs, nats", n), ours.Points[n-1].Y, beside{c.who, others.Points[n-1].Y})
	return plots.WriteFile(filepath.Join(filepath.Dir(e.out), c.picture), plots.Lines{
		Title: c.title, X: "epoch", Y: "validation loss, nats", Series: []plots.Series{ours, others},
	})
}
