package train_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"hourglass/data"
	"hourglass/kernels/cpu"
	"hourglass/models"
	"hourglass/models/train"
)

// A dense autoencoder is trained on a few drawn digits, then its best weights
// are read back to make codes.
func Example() {
	dev, err := cpu.New(cpu.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer dev.Close()
	digits, err := data.OpenLazy("builtin", data.Train)
	if err != nil {
		log.Fatal(err)
	}
	config, err := models.Default("dense")
	if err != nil {
		log.Fatal(err)
	}
	model, err := models.New(config)
	if err != nil {
		log.Fatal(err)
	}
	folder, err := os.MkdirTemp("", "hourglass")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)

	cfg := train.Config{Epochs: 2, Limit: 500, ValidationFraction: 0.1, Patience: 5}
	images, held, err := cfg.Split(digits)
	if err != nil {
		log.Fatal(err)
	}
	trainer, err := train.New(model, dev, images, held, cfg)
	if err != nil {
		log.Fatal(err)
	}
	err = trainer.Run(context.Background(), train.RunOptions{Folder: folder, OnEpoch: func(e train.Epoch) error {
		fmt.Println("epoch", e.Epoch, "step", e.Step, "improved", e.Improved)
		return nil
	}})
	if err != nil {
		log.Fatal(err)
	}

	runner, err := train.OpenRunner(filepath.Join(folder, train.BestName), dev, train.RunnerOptions{})
	if err != nil {
		log.Fatal(err)
	}
	some, err := data.First(held, 20)
	if err != nil {
		log.Fatal(err)
	}
	codes, err := runner.Encode(some)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("20 codes of", len(codes)/20, "numbers")
	// Output:
	// epoch 1 step 4 improved true
	// epoch 2 step 8 improved true
	// 20 codes of 32 numbers
}
