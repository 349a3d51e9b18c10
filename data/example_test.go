package data_test

import (
	"context"
	"fmt"
	"log"

	"hourglass/data"
)

// One epoch over the first 300 of the built-in digits, in batches of 128.
func Example() {
	digits, err := data.Open("builtin:seed=7", data.Train)
	if err != nil {
		log.Fatal(err)
	}
	digits, err = digits.Limit(300)
	if err != nil {
		log.Fatal(err)
	}
	order := data.Order(digits.N, 1, 0)
	for k, batch := range data.Batches(order, 128) {
		fmt.Printf("batch %d: %d images of %d×%d\n", k, len(batch), digits.H, digits.W)
	}
	// Output:
	// batch 0: 128 images of 28×28
	// batch 1: 128 images of 28×28
	// batch 2: 44 images of 28×28
}

// A run that takes its first step while most digits are still being drawn.
func ExampleOpenLazy() {
	digits, err := data.OpenLazy("builtin", data.Train)
	if err != nil {
		log.Fatal(err)
	}
	go digits.Load()
	order := data.Order(digits.N, 1, 0)
	batch := data.Batch(order, 128, 0)
	if err := digits.Need(batch); err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(digits.Image(int(batch[0]))), "bytes an image")
	// Output: 784 bytes an image
}

// ramps is a Source of one's own: n images of 4×4 that grow brighter. A type
// with Info and Read is all that training, evaluation and the tasks ask for.
type ramps struct{ n int }

func (r ramps) Info() data.Info { return data.Info{Name: "ramps", N: r.n, H: 4, W: 4, C: 1} }

func (r ramps) Read(dst []float32, index []int32) error {
	for k, i := range index {
		for p := range 16 {
			dst[16*k+p] = float32(i) / float32(r.n)
		}
	}
	return nil
}

// A program's own samples, divided and read ahead in batches.
func ExampleSource() {
	train, held, err := data.Divide(ramps{100}, 0.2, 1)
	if err != nil {
		log.Fatal(err)
	}
	n := train.Info().N
	fmt.Println(n, "samples for training,", held.Info().N, "for validation")
	stream := data.NewStream(context.Background(), train, data.InOrder(n, 32), data.StreamOptions{})
	defer stream.Close()
	for {
		batch, err := stream.Next()
		if err != nil {
			log.Fatal(err)
		}
		if batch == nil {
			break
		}
		fmt.Println(len(batch.Index), "samples,", len(batch.Values), "numbers")
	}
	// Output:
	// 80 samples for training, 20 for validation
	// 32 samples, 512 numbers
	// 32 samples, 512 numbers
	// 16 samples, 256 numbers
}

// What a specification names, whatever its size.
func ExampleOpenSource() {
	source, err := data.OpenSource("builtin:seed=7", data.Test, data.Options{Lazy: true})
	if err != nil {
		log.Fatal(err)
	}
	first, err := data.First(source, 3)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(source.Info().Name, len(first)/3, "numbers a sample")
	// Output: builtin:seed=7 test 784 numbers a sample
}
