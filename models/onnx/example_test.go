package onnx_test

import (
	"bytes"
	"fmt"
	"log"

	"hourglass/graph"
	"hourglass/kernels"
	"hourglass/models"
	"hourglass/models/onnx"
)

// The encoder of a model as a file that ONNX Runtime takes.
func ExampleWrite() {
	m, err := models.New(models.Config{Name: "dense", Latent: 2, Hidden: []int{}})
	if err != nil {
		log.Fatal(err)
	}
	weights := []graph.Array{ // of a trained model: train.ReadWeights
		{Name: "encoder.1.weight", Shape: kernels.Shape{784, 2}, Data: make([]float32, 784*2)},
		{Name: "encoder.1.bias", Shape: kernels.Shape{2}, Data: make([]float32, 2)},
	}
	var file bytes.Buffer
	if err := onnx.Write(&file, onnx.Encoder(m), weights, nil); err != nil {
		log.Fatal(err)
	}
	fmt.Println(file.Len() > 4*784*2)
	// Output: true
}

// Any function of package graph's operations can be written, not models alone.
func ExampleFunction() {
	f := onnx.Function{
		Name: "contrast", Doc: "images with twice the contrast", Input: "image", Output: "result",
		In: kernels.Shape{28, 28, 1},
		Build: func(b *graph.Builder, x *graph.Node) *graph.Node {
			return b.Fn(kernels.ClampMax, 1, b.Fn(kernels.ReLU, 0, b.Offset(b.Scale(2, x), -0.5)))
		},
	}
	var file bytes.Buffer
	fmt.Println(onnx.Write(&file, f, nil, map[string]string{"author": "me"}))
	// Output: <nil>
}
