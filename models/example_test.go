package models_test

import (
	"fmt"
	"log"
	"math"

	"hourglass/graph"
	"hourglass/kernels"
	"hourglass/kernels/cpu"
	"hourglass/models"
)

// Example trains a dense autoencoder of 4×4 images, waves of every phase, for a
// few hundred steps.
func Example() {
	m, err := models.New(models.Config{Name: "dense", Image: [3]int{4, 4, 1}, Latent: 3, Hidden: []int{16}})
	if err != nil {
		log.Fatal(err)
	}
	const n = 32
	b := graph.NewBuilder()
	x := b.Input("x", n, 4, 4, 1)
	loss := m.On(b).Loss(x, models.Phase{Training: true}).Total
	update := &graph.Update{
		Params:       b.Trainable(),
		Grads:        b.Gradients(loss, b.Trainable()...),
		Optimizer:    kernels.Adam{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8},
		LearningRate: b.Input("rate", 1),
		Step:         b.InputOf(kernels.Int32, "step", 1),
	}
	if err := b.Err(); err != nil {
		log.Fatal(err)
	}

	dev, err := cpu.New(cpu.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer dev.Close()
	weights, err := graph.NewVariables(dev, b.Params(), graph.VariableOptions{Rows: update.Optimizer.StateRows()})
	if err != nil {
		log.Fatal(err)
	}
	if err := weights.Init(1); err != nil {
		log.Fatal(err)
	}
	step, err := graph.CompileWith(b.Graph(), dev, graph.Options{Variables: weights, Update: update}, loss)
	if err != nil {
		log.Fatal(err)
	}

	images := make([]float32, n*16)
	for i := range images {
		images[i] = float32(0.5 + 0.4*math.Sin(2*math.Pi*(float64(i/16)/n+float64(i%16)/16)))
	}
	var first, last float64
	for s := range 300 {
		for _, err := range []error{
			step.FeedFloats(x, images),
			step.FeedFloats(update.LearningRate, []float32{0.01}),
			step.FeedInts(update.Step, []int32{int32(s)}),
			step.Run(),
		} {
			if err != nil {
				log.Fatal(err)
			}
		}
		if last, err = step.Scalar(loss); err != nil {
			log.Fatal(err)
		}
		if s == 0 {
			first = last
		}
	}
	fmt.Println("below a twentieth of the first error:", last < first/20)
	// Output: below a twentieth of the first error: true
}
