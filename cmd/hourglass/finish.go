package main

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"io"
	"path/filepath"
	"text/tabwriter"
	"time"

	"hourglass/data"
	"hourglass/models"
	"hourglass/models/export"
	"hourglass/models/plots"
	"hourglass/models/train"
)

// The pictures of a run show this many test images, so many to a line.
const (
	exampleImages  = 20
	exampleColumns = 10
)

// finish draws the pictures, measures the best weights on the test images and
// tells where all is.
func (r *job) finish(ctx context.Context) error {
	best, err := bestOf(r.folder, r.settings, r.device, 0)
	if err != nil {
		return err
	}
	grid, err := reconstructionGrid(best, r.examples, exampleImages, exampleColumns)
	if err != nil {
		return err
	}
	if err := writePNG(filepath.Join(r.folder, reconstructionsName), grid); err != nil {
		return err
	}
	if r.settings.Model.Denoise != "" {
		grid, err := restorationGrid(best, r.examples, exampleColumns)
		if err != nil {
			return err
		}
		if err := writePNG(filepath.Join(r.folder, restorationsName), grid); err != nil {
			return err
		}
	}
	if err := r.drawCurve(); err != nil {
		return err
	}
	metrics, err := evaluate(ctx, best, r.examples)
	if err != nil {
		return err
	}
	_, epoch := r.trainer.Best()
	if r.trainer.StoppedEarly() {
		fmt.Fprintf(r.out, "stopped early: no improvement in %d epochs\n", r.settings.Train.Patience)
	}
	t := tabwriter.NewWriter(r.out, 0, 0, 2, ' ', 0)
	if r.settings.Model.Classes > 0 {
		fmt.Fprintf(t, "test error\t%.2f%%\t(%d images; hourglass classify %s tells more)\n", 100*(1-valueOf(metrics, "accuracy")), r.examples.Info().N, r.folder)
	}
	mse, images := "mse", "images"
	if r.settings.Model.Denoise != "" && r.settings.Model.Classes == 0 { // what it has learned
		mse, images = "denoise_mse", "images restored"
	}
	fmt.Fprintf(t, "test mse\t%.5f\t(%d %s, weights of epoch %d)\n", valueOf(metrics, mse), r.examples.Info().N, images, epoch)
	fmt.Fprintf(t, "pictures\t%s\t(test images over reconstructions)\n", filepath.Join(r.folder, reconstructionsName))
	if r.settings.Model.Denoise != "" {
		fmt.Fprintf(t, "restored\t%s\t(test images, corrupted, restored: %.1f dB from %.1f dB)\n", filepath.Join(r.folder, restorationsName),
			valueOf(metrics, "denoise_psnr"), valueOf(metrics, "noisy_psnr"))
	}
	fmt.Fprintf(t, "losses\t%s\t\n", filepath.Join(r.folder, curveName))
	fmt.Fprintf(t, "weights\t%s\t\n", filepath.Join(r.folder, train.BestName))
	return t.Flush()
}

// drawCurve draws the losses by epoch.
func (r *job) drawCurve() error {
	c := plots.Curve{Title: fmt.Sprintf("%s on %s", r.settings.Model.Name, r.settings.Data), Loss: lossUnit(r.settings.Model), LogY: true}
	_, c.Best = r.trainer.Best()
	for _, e := range r.trainer.History() {
		c.Train = append(c.Train, plots.CurvePoint{Epoch: e.Epoch, Loss: e.TrainLoss})
		if e.ValLoss != nil {
			c.Validation = append(c.Validation, plots.CurvePoint{Epoch: e.Epoch, Loss: *e.ValLoss})
		}
	}
	for _, p := range append(c.Train[:len(c.Train):len(c.Train)], c.Validation...) {
		c.LogY = c.LogY && p.Loss > 0
	}
	if err := plots.WriteFile(filepath.Join(r.folder, curveName), c); err != nil {
		return err
	}
	return plots.WriteFile(filepath.Join(r.folder, curveVectorName), c)
}

// lossUnit describes what a model minimises.
func lossUnit(c models.Config) string {
	switch {
	case c.Classes > 0:
		return "cross-entropy of the labels, nats"
	case c.Name == "wae":
		return "squared error + λ·MMD per image"
	case c.Name == "iwae":
		return "−L_k, the importance-weighted bound, per image, nats"
	}
	switch c.Loss {
	case "mse":
		return "mean squared error per pixel"
	case "l1":
		return "mean absolute error per pixel"
	case "huber":
		return "mean Huber loss per pixel"
	case "bce":
		return "cross-entropy per pixel, nats"
	}
	return "−ln p(x|z) + β·KL per image, nats"
}

// board is a run's TensorBoard file.
type board struct{ events *export.Events }

// newBoard begins an event file. After steps > 0 it takes the place of what
// earlier files hold from there on.
func newBoard(folder string, steps int) (*board, error) {
	events, err := export.NewEvents(folder)
	if err != nil {
		return nil, err
	}
	if steps > 0 {
		err = events.Resume(steps+1, time.Now())
	}
	return &board{events}, err
}

// epoch writes the losses and some pictures of an epoch.
func (b *board) epoch(e train.Epoch, r *job) error {
	now := time.Now()
	scalars := map[string]float64{"loss/train": e.TrainLoss, "speed/images_per_second": e.ImagesPerSecond}
	if e.ValLoss != nil {
		scalars["loss/validation"] = *e.ValLoss
	}
	if e.ValError != nil {
		scalars["error/validation"] = *e.ValError
	}
	for _, tag := range sortedKeys(scalars) {
		if err := b.events.Scalar(tag, e.Step, now, scalars[tag]); err != nil {
			return err
		}
	}
	grid, err := reconstructionGrid(r.trainer.Runner(), r.examples, exampleColumns, exampleColumns)
	if err != nil {
		return err
	}
	var encoded bytes.Buffer
	if err := export.WritePNG(&encoded, grid); err != nil {
		return err
	}
	size := grid.Bounds().Size()
	if err := b.events.Image("reconstructions", e.Step, now, encoded.Bytes(), size.X, size.Y); err != nil {
		return err
	}
	return b.events.Flush()
}

func (b *board) close() error { return b.events.Close() }

// reconstructionGrid shows the first n images of s over their reconstructions.
func reconstructionGrid(runner *train.Runner, s data.Source, n, columns int) (image.Image, error) {
	originals, err := data.First(s, n)
	if err != nil {
		return nil, err
	}
	copies, err := runner.Reconstruct(originals)
	if err != nil {
		return nil, err
	}
	rows, err := export.Pairs(picturesOf(originals, runner.Shape()), picturesOf(copies, runner.Shape()), columns)
	if err != nil {
		return nil, err
	}
	return export.Grid(rows, export.GridOptions{})
}

// restorationGrid shows the first n images of s, over them corrupted, over what
// the model makes of those.
func restorationGrid(runner *train.Runner, s data.Source, n int) (image.Image, error) {
	originals, err := data.First(s, n)
	if err != nil {
		return nil, err
	}
	corrupted, restored, err := runner.Restore(originals)
	if err != nil {
		return nil, err
	}
	return export.Grid([]export.Row{
		{Label: "image", Images: picturesOf(originals, runner.Shape())},
		{Label: "corrupted", Images: picturesOf(corrupted, runner.Shape())},
		{Label: "restored", Images: picturesOf(restored, runner.Shape())},
	}, export.GridOptions{})
}

// writeTable prints metrics, one a line.
func writeTable(w io.Writer, metrics []train.Value) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, m := range metrics {
		fmt.Fprintf(t, "%s\t%.6g\n", m.Name, m.Value)
	}
	return t.Flush()
}
