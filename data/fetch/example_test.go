package fetch_test

import (
	"context"
	"fmt"
	"log"

	"hourglass/data"
	"hourglass/data/fetch"
)

// Download MNIST, unless it is there, and open it.
func Example() {
	spec, err := fetch.Fetch(context.Background(), "mnist", "mnist", fetch.Options{
		Progress: func(file string, done, size int64) { fmt.Printf("\r%s %d%%", file, 100*done/size) },
	})
	if err != nil {
		log.Fatal(err)
	}
	digits, err := data.OpenSource(spec, data.Train, data.Options{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(digits.Info().N, "digits")
}
