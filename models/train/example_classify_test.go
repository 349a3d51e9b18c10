package train_test

import (
	"context"
	"fmt"
	"log"

	"hourglass/data"
	"hourglass/kernels/cpu"
	"hourglass/models"
	"hourglass/models/train"
)

// A softmax layer is put on the encoder of an autoencoder, and both learn labels.
func ExampleTrainer_BeginWith() {
	dev, err := cpu.New(cpu.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer dev.Close()
	digits, err := data.OpenLazy("builtin", data.Train)
	if err != nil {
		log.Fatal(err)
	}
	cfg := train.Config{Epochs: 3, Batch: 20, Limit: 500}
	images, _, err := cfg.Split(digits)
	if err != nil {
		log.Fatal(err)
	}
	trained := func(c models.Config) *train.Trainer {
		m, err := models.New(c)
		if err != nil {
			log.Fatal(err)
		}
		t, err := train.New(m, dev, images, nil, cfg)
		if err != nil {
			log.Fatal(err)
		}
		return t
	}
	config, err := models.Default("deep")
	if err != nil {
		log.Fatal(err)
	}
	autoencoder := trained(config)
	if err := autoencoder.Run(context.Background(), train.RunOptions{}); err != nil {
		log.Fatal(err)
	}
	weights, err := autoencoder.Weights()
	if err != nil {
		log.Fatal(err)
	}

	config.Classes = 10
	classifier := trained(config)
	if err := classifier.BeginWith(weights); err != nil {
		log.Fatal(err)
	}
	if err := classifier.Run(context.Background(), train.RunOptions{}); err != nil {
		log.Fatal(err)
	}
	counts, err := classifier.Runner().Confusion(context.Background(), images)
	if err != nil {
		log.Fatal(err)
	}
	right := 0
	for label, classes := range counts {
		right += classes[label]
	}
	fmt.Println("more than half are right:", right > images.Info().N/2)
	// Output: more than half are right: true
}
