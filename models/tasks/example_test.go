package tasks_test

import (
	"context"
	"fmt"
	"log"

	"hourglass/data"
	"hourglass/kernels/cpu"
	"hourglass/models"
	"hourglass/models/tasks"
	"hourglass/models/train"
)

// open trains a small variational autoencoder for a moment. A program opens a
// run's weights by train.OpenRunner.
func open() (*train.Runner, data.Source, func()) {
	dev, err := cpu.New(cpu.Options{})
	if err != nil {
		log.Fatal(err)
	}
	digits, err := data.OpenLazy("builtin", data.Test)
	if err != nil {
		log.Fatal(err)
	}
	few, err := digits.Limit(300)
	if err != nil {
		log.Fatal(err)
	}
	model, err := models.New(models.Config{Name: "vae", Hidden: []int{32}, Latent: 4, Beta: 1})
	if err != nil {
		log.Fatal(err)
	}
	trainer, err := train.New(model, dev, few, nil, train.Config{Epochs: 1})
	if err != nil {
		log.Fatal(err)
	}
	if err := trainer.Run(context.Background(), train.RunOptions{}); err != nil {
		log.Fatal(err)
	}
	return trainer.Runner(), few, func() { dev.Close() }
}

// Codes come a batch at a time, so that a set need not fit into memory.
func ExampleEncode() {
	runner, images, done := open()
	defer done()
	n := 0
	err := tasks.Encode(context.Background(), runner, images, func(from int, codes []float32) error {
		fmt.Println("codes of the images from", from, "on:", len(codes)/runner.Latent())
		n += len(codes) / runner.Latent()
		return nil
	})
	fmt.Println(n, err)
	// Output:
	// codes of the images from 0 on: 128
	// codes of the images from 128 on: 128
	// codes of the images from 256 on: 44
	// 300 <nil>
}

// Images are corrupted and restored, and both compared with what they were.
func ExampleDenoise() {
	runner, images, done := open()
	defer done()
	noise, err := tasks.NewCorruption(runner, "saltpepper:0.5", 1)
	if err != nil {
		log.Fatal(err)
	}
	noisy, restored := tasks.NewMeasure(runner.Shape()), tasks.NewMeasure(runner.Shape())
	err = tasks.Denoise(context.Background(), runner, images, tasks.Noise{Corrupt: noise}, func(b tasks.Restored) error {
		if err := noisy.Add(b.Given, b.Clean); err != nil {
			return err
		}
		return restored.Add(b.Made, b.Clean)
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("noisy images have a PSNR of %.0f dB\n", noisy.Quality().PSNR)
	fmt.Println("restored ones are better:", restored.Quality().PSNR > noisy.Quality().PSNR)
	// Output:
	// noisy images have a PSNR of 6 dB
	// restored ones are better: true
}

// Two images, and what lies between them along an arc.
func ExampleInterpolate() {
	runner, images, done := open()
	defer done()
	codes, err := tasks.Codes(context.Background(), runner, images)
	if err != nil {
		log.Fatal(err)
	}
	z := runner.Latent()
	between, err := tasks.Interpolate(codes[:z], codes[z:2*z], z, 10, tasks.Spherical)
	if err != nil {
		log.Fatal(err)
	}
	pictures, err := runner.Decode(between)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(pictures)/runner.Shape().Size(), "pictures")
	// Output: 10 pictures
}

// What each unit of the code does, the most important first, and a plane of
// codes by quantiles of the prior.
func ExampleTraverse() {
	runner, images, done := open()
	defer done()
	codes, err := tasks.Codes(context.Background(), runner, images)
	if err != nil {
		log.Fatal(err)
	}
	t, err := tasks.Traverse(codes, runner.Latent(), tasks.TraverseOptions{})
	if err != nil {
		log.Fatal(err)
	}
	m, err := tasks.NewManifold(codes, runner.Latent(), tasks.ManifoldOptions{Side: 12, Axes: &[2]int{t.Units[0], t.Units[1]}, Prior: true})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(t.Units), "units in", len(t.Steps), "steps;", len(m.Codes)/runner.Latent(), "places on a plane")
	// Output: 4 units in 9 steps; 144 places on a plane
}

// A model without a prior draws from a Gaussian that is fitted to its codes.
func ExampleFitGaussian() {
	runner, images, done := open()
	defer done()
	codes, err := tasks.Codes(context.Background(), runner, images)
	if err != nil {
		log.Fatal(err)
	}
	g, err := tasks.FitGaussian(codes, runner.Latent())
	if err != nil {
		log.Fatal(err)
	}
	drawn := 0
	err = g.Sample(context.Background(), runner, 200, 7, func(_ int, samples []float32) error {
		drawn += len(samples) / runner.Shape().Size()
		return nil
	})
	fmt.Println(drawn, err)
	// Output: 200 <nil>
}
