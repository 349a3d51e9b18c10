package torch_test

import (
	"fmt"
	"log"
	"strings"

	"hourglass/graph"
	"hourglass/kernels"
	"hourglass/models"
	"hourglass/models/torch"
)

// The weights of a model as PyTorch's state_dict has them, the module that loads
// them, and the way back.
func Example() {
	m, err := models.New(models.Config{Name: "linear", Image: [3]int{1, 2, 1}, Latent: 1})
	if err != nil {
		log.Fatal(err)
	}
	weights := []graph.Array{ // of a trained model: train.ReadWeights
		{Name: "encoder.1.weight", Shape: kernels.Shape{2, 1}, Data: []float32{1, 2}},
		{Name: "encoder.1.bias", Shape: kernels.Shape{1}, Data: []float32{3}},
		{Name: "decoder.0.weight", Shape: kernels.Shape{1, 2}, Data: []float32{4, 5}},
		{Name: "decoder.0.bias", Shape: kernels.Shape{2}, Data: []float32{6, 7}},
	}
	tensors, err := torch.StateDict(m, weights)
	if err != nil {
		log.Fatal(err)
	}
	for _, t := range tensors {
		fmt.Println(t.Name, t.Shape)
	}
	code, err := torch.Code(m)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(strings.Count(code, "nn.Linear"), "layers in model.py")
	back, err := torch.Weights(m, tensors)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(back[0].Name, back[0].Data)
	// Output:
	// encoder.1.weight [1 2]
	// encoder.1.bias [1]
	// decoder.0.weight [2 1]
	// decoder.0.bias [2]
	// 2 layers in model.py
	// encoder.1.weight [1 2]
}
