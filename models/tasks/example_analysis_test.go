package tasks_test

import (
	"bytes"
	"context"
	"fmt"
	"log"

	"hourglass/data"
	"hourglass/kernels/cpu"
	"hourglass/models"
	"hourglass/models/metrics"
	"hourglass/models/tasks"
	"hourglass/models/train"
)

// openFew trains a small dense autoencoder for a moment on labelled digits.
func openFew() (*train.Runner, data.Source, func()) {
	dev, err := cpu.New(cpu.Options{})
	if err != nil {
		log.Fatal(err)
	}
	digits, err := data.OpenLazy("builtin", data.Test)
	if err != nil {
		log.Fatal(err)
	}
	few, err := digits.Limit(200)
	if err != nil {
		log.Fatal(err)
	}
	model, err := models.New(models.Config{Name: "dense", Hidden: []int{32}, Latent: 6, CodeActivation: "identity"})
	if err != nil {
		log.Fatal(err)
	}
	trainer, err := train.New(model, dev, few, nil, train.Config{Epochs: 2, Batch: 20})
	if err != nil {
		log.Fatal(err)
	}
	if err := trainer.Run(context.Background(), train.RunOptions{}); err != nil {
		log.Fatal(err)
	}
	return trainer.Runner(), few, func() { dev.Close() }
}

// A detector lets as many normal samples pass as its quantile says.
func ExampleFitDetector() {
	runner, normal, done := openFew()
	defer done()
	ctx := context.Background()
	detector, err := tasks.FitDetector(ctx, runner, normal, tasks.DetectorOptions{Quantile: 0.95})
	if err != nil {
		log.Fatal(err)
	}
	scores, err := detector.All(ctx, runner, normal)
	if err != nil {
		log.Fatal(err)
	}
	anomalies := 0
	for _, above := range detector.Anomalies(scores) {
		if above {
			anomalies++
		}
	}
	fmt.Println(anomalies, "of", len(scores), "are above the threshold")
	// Output: 10 of 200 are above the threshold
}

// Codes of six units of five bits each are far smaller than the images.
func ExampleCompress() {
	runner, images, done := openFew()
	defer done()
	ctx := context.Background()
	var file bytes.Buffer // or a file
	written, err := tasks.Compress(ctx, runner, images, tasks.CompressOptions{Bits: 5}, &file)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("less than 0.1 bits per pixel:", written.BitsPerPixel < 0.1)

	d, err := tasks.NewDecompressor(runner, &file)
	if err != nil {
		log.Fatal(err)
	}
	n := 0
	err = d.Each(ctx, func(_ int, images []float32) error {
		n += len(images) / (d.H * d.W * d.C)
		return nil
	})
	fmt.Println(n, "images", err)
	// Output:
	// less than 0.1 bits per pixel: true
	// 200 images <nil>
}

// Each image is the nearest of all to itself.
func ExampleSearchIndex() {
	runner, images, done := openFew()
	defer done()
	ctx := context.Background()
	index, err := tasks.NewSearchIndex(ctx, runner, images, metrics.Euclidean)
	if err != nil {
		log.Fatal(err)
	}
	query, err := data.Slice(images, 42, 43)
	if err != nil {
		log.Fatal(err)
	}
	err = index.Search(ctx, runner, query, 3, func(_ int, near [][]metrics.Neighbour) error {
		fmt.Println("the nearest of", len(near[0]), "is", near[0][0].Index)
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output: the nearest of 3 is 42
}

// A probe tells how much of the classes a linear model finds in codes.
func ExampleCompareProbes() {
	runner, images, done := openFew()
	defer done()
	results, err := tasks.CompareProbes(context.Background(), runner, images, images, tasks.ProbeOptions{})
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range results {
		fmt.Println(r.Features, r.Dim, "better than by chance:", r.Test > 0.15)
	}
	// Output:
	// codes 6 better than by chance: true
	// pca 6 better than by chance: true
	// pixels 784 better than by chance: true
}

// A map of codes beside one of principal components.
func ExampleProject() {
	runner, images, done := openFew()
	defer done()
	codes, components, err := tasks.Project(context.Background(), runner, images, tasks.ProjectOptions{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(codes.Points)/2, "places by codes,", len(components.Points)/2, "by principal components")
	fmt.Println(codes.Trustworthiness > 0.5 && codes.Trustworthiness < 1)
	// Output:
	// 200 places by codes, 200 by principal components
	// true
}

// What is measured beside a model's own metrics.
func ExampleEvaluate() {
	runner, images, done := openFew()
	defer done()
	values, err := tasks.Evaluate(context.Background(), runner, images, tasks.MeasureOptions{Frechet: true})
	if err != nil {
		log.Fatal(err)
	}
	for _, v := range values {
		fmt.Println(v.Name)
	}
	// Output:
	// mse
	// mae
	// psnr
	// bce
	// ssim
	// fd_pca64_reconstructions
}
