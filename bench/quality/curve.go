package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"path/filepath"

	"hourglass/models/plots"
)

// torchCurve is what torch_iwae.py measured: the validation bound of the first
// epochs.
//
//go:embed torch_iwae.json
var torchCurve []byte

// curvePicture is the plot's file, beside the table.
const curvePicture = "quality-iwae.png"

// besideTorch compares the validation losses of the first epochs with PyTorch's,
// in a figure of the table and in a plot beside it.
func (e *experiment) besideTorch() error {
	var theirs struct {
		Epochs []struct {
			Epoch int     `json:"epoch"`
			Loss  float64 `json:"val_loss"`
		} `json:"epochs"`
	}
	if err := json.Unmarshal(torchCurve, &theirs); err != nil {
		return fmt.Errorf("torch_iwae.json: %w", err)
	}
	ours, torch := plots.Series{Name: "Hourglass"}, plots.Series{Name: "PyTorch"}
	for _, epoch := range e.history {
		if epoch.ValLoss != nil {
			ours.Points = append(ours.Points, plots.Point{X: float64(epoch.Epoch), Y: *epoch.ValLoss})
		}
	}
	for _, epoch := range theirs.Epochs {
		torch.Points = append(torch.Points, plots.Point{X: float64(epoch.Epoch), Y: epoch.Loss})
	}
	n := min(len(ours.Points), len(torch.Points))
	if n == 0 {
		return nil
	}
	e.add(fmt.Sprintf("validation loss after %d epochs, nats", n), ours.Points[n-1].Y, beside{"PyTorch", torch.Points[n-1].Y})
	return plots.WriteFile(filepath.Join(filepath.Dir(e.out), curvePicture), plots.Lines{
		Title: fmt.Sprintf("IWAE of %d codes on binarised MNIST", e.settings.Model.Samples),
		X:     "epoch", Y: "validation loss, nats", Series: []plots.Series{ours, torch},
	})
}
