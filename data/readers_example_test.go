package data_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"hourglass/data"
)

// A table whose last column is the class: the others are scaled to [0, 1] by the
// range that they have in the training part.
func ExampleOpenSource_csv() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "flowers.csv")
	table := "length,width,kind\n5.0,3.5,setosa\n7.0,3.0,versicolor\n6.0,2.5,virginica\n"
	if err := os.WriteFile(path, []byte(table), 0o600); err != nil {
		log.Fatal(err)
	}
	flowers, err := data.OpenSource("csv:"+path+",label=kind,test=0", data.Train, data.Options{})
	if err != nil {
		log.Fatal(err)
	}
	info := flowers.Info()
	row := make([]float32, info.SampleSize())
	for i := range int32(info.N) {
		if err := flowers.Read(row, []int32{i}); err != nil {
			log.Fatal(err)
		}
		fmt.Println(row, info.Classes[info.Labels[i]])
	}
	fmt.Println("lengths from", info.Low[0], "to", info.High[0])
	// Output:
	// [0 1] setosa
	// [1 0.5] versicolor
	// [0.5 0] virginica
	// lengths from 5 to 7
}

// Pictures of any size in one folder a class: each is cut to a square of 64×64
// pixels, and decoded when it is read unless all of them fit into memory. What
// cannot be decoded is left out, with a warning.
func ExampleOpenSource_images() {
	cats, err := data.OpenSource("images:photos,size=64", data.Train, data.Options{
		Warn: func(line string) { log.Print(line) },
	})
	if err != nil {
		log.Fatal(err)
	}
	info := cats.Info()
	fmt.Println(info.N, "pictures of", info.Classes)
}

// What can be read, with its options.
func ExampleKinds() {
	for _, k := range data.Kinds() {
		if k.Form == "cifar100:DIR" {
			fmt.Printf("%s %v: %s\n", k.Form, k.Options, k.About)
		}
	}
	// Output: cifar100:DIR [coarse]: CIFAR-100's binary version, with its 100 fine classes or the 20 coarse ones
}
