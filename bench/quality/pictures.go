package main

import (
	"context"
	"io"
	"path/filepath"

	"hourglass/data"
	"hourglass/data/disk"
	"hourglass/models/export"
	"hourglass/models/metrics"
)

// restoration measures what a denoising model makes of corrupted images, beside
// what can be had without one: PCA of as many components as the code has
// numbers, and of missing pixels the mean of the training images there.
func restoration(_ context.Context, e *experiment) error {
	clean, err := everything(e.test)
	if err != nil {
		return err
	}
	given := beside{"corrupted", e.values["noisy_psnr"]}
	var rival beside
	if e.settings.Model.KeepGiven {
		rival, err = e.meanFilled(clean)
	} else {
		rival, err = e.projected(clean)
	}
	if err != nil {
		return err
	}
	e.add("PSNR of restored images, dB", e.values["denoise_psnr"], e.torch("psnr"), given, rival)
	if e.row.name == "stacked-classifier" || e.row.name == "stacked-conv" {
		e.add("test mse", e.values["mse"])
	}
	return nil
}

// projected returns the PSNR of corrupted images on the subspace of PCA, cut to
// [0, 1].
func (e *experiment) projected(clean []float32) (beside, error) {
	k := min(e.settings.Model.Latent, mostComponents)
	p, err := e.principal(k)
	if err != nil {
		return beside{}, err
	}
	corrupted, _, err := e.runner.Restore(clean)
	if err != nil {
		return beside{}, err
	}
	copies, err := p.project(corrupted)
	if err != nil {
		return beside{}, err
	}
	v, err := meanPSNR(copies, clean, e.test.SampleSize())
	return beside{p.name(), v}, err
}

// meanFilled returns the PSNR of images whose missing pixels are filled with the
// mean of the training images there. Which are missing shows on white images,
// which are corrupted alike.
func (e *experiment) meanFilled(clean []float32) (beside, error) {
	white := make([]float32, len(clean))
	for i := range white {
		white[i] = 1
	}
	given, _, err := e.runner.Restore(white)
	if err != nil {
		return beside{}, err
	}
	mean, err := meanImage(e.train)
	if err != nil {
		return beside{}, err
	}
	filled := make([]float32, len(clean))
	for i, v := range clean {
		if filled[i] = v; given[i] == 0 {
			filled[i] = mean[i%len(mean)]
		}
	}
	v, err := meanPSNR(filled, clean, len(mean))
	return beside{"mean-fill", v}, err
}

// colours compares colorized images with grey ones.
func colours(_ context.Context, e *experiment) error {
	clean, err := everything(e.test)
	if err != nil {
		return err
	}
	grey := make([]float32, len(clean))
	for i := 0; i < len(clean); i += 3 {
		y := 0.299*clean[i] + 0.587*clean[i+1] + 0.114*clean[i+2]
		grey[i], grey[i+1], grey[i+2] = y, y, y
	}
	left, err := meanPSNR(grey, clean, e.test.SampleSize())
	if err != nil {
		return err
	}
	e.add("PSNR of coloured images, dB", e.values["psnr"], beside{"grey", left})
	return nil
}

// meanPSNR returns the mean over images of so many numbers.
func meanPSNR(got, want []float32, size int) (float64, error) {
	sum, n := 0.0, len(want)/size
	for i := range n {
		v, err := metrics.PSNR(got[i*size:][:size], want[i*size:][:size])
		if err != nil {
			return 0, err
		}
		sum += v
	}
	return sum / float64(n), nil
}

// meanImage returns the mean of a set's images.
func meanImage(d *data.Dataset) ([]float32, error) {
	size := d.SampleSize()
	sums, mean := make([]float64, size), make([]float32, size)
	images, err := everything(d)
	if err != nil {
		return nil, err
	}
	for i, v := range images {
		sums[i%size] += float64(v)
	}
	for i, v := range sums {
		mean[i] = float32(v / float64(d.N))
	}
	return mean, nil
}

// samplesPicture is the file of samples, beside the table, and samplesSide how
// many are on a side of it.
const (
	samplesPicture = "quality-wae.png"
	samplesSide    = 10
)

// samples draws images of codes of the prior, beside the table.
func (e *experiment) samples() error {
	if e.quick {
		return nil
	}
	pixels, err := e.runner.Sample(samplesSide*samplesSide, e.settings.Train.Seed)
	if err != nil {
		return err
	}
	shape := e.runner.Shape()
	var images []export.Image
	for size := shape.Size(); len(pixels) >= size; pixels = pixels[size:] {
		images = append(images, export.Image{H: shape[0], W: shape[1], C: shape[2], Pix: pixels[:size]})
	}
	picture, err := export.Tile(images, samplesSide, export.GridOptions{})
	if err != nil {
		return err
	}
	path := filepath.Join(filepath.Dir(e.out), samplesPicture)
	return disk.WriteFile(path, func(w io.Writer) error { return export.WritePNG(w, picture) })
}
