package models_test

import (
	"fmt"
	"log"

	"hourglass/graph"
	"hourglass/kernels"
	"hourglass/models"
)

// ExampleConfig composes a convolutional autoencoder that learns to remove noise
// with few active units, whose code small changes of the image hardly move.
func ExampleConfig() {
	m, err := models.New(models.Config{
		Name: "conv", Latent: 16, CodeActivation: "sigmoid",
		Denoise: "gaussian:0.3", Sparsity: "kl:0.05", Contractive: 0.1, Jacobian: "hutchinson",
	})
	if err != nil {
		log.Fatal(err)
	}
	b := graph.NewBuilder()
	step := b.InputOf(kernels.Int32, "step", 1)
	loss := m.On(b).Loss(b.Input("x", 128, 28, 28, 1), models.Phase{Training: true, Step: step})
	if err := b.Err(); err != nil {
		log.Fatal(err)
	}
	for _, term := range loss.Terms {
		fmt.Println(term.Name)
	}
	// Output:
	// mse
	// sparsity
	// contractive
}
