package data_test

import (
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
