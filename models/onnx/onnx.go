// Package onnx writes models in the Open Neural Network Exchange format
// (onnx.ai), opset 17, as ONNX Runtime and many others run them.
//
// What is written is the graph that a model builds of its operations, each
// translated on its own, so that a model of one's own needs nothing further:
//
//	f, err := onnx.Encoder(model)
//	err = onnx.Write(file, f, weights, nil)
//
// Images go in and out as the users of ONNX expect them, float32 [N C H W] in
// [0, 1], and N is free. Codes are [N z], the same numbers in the same order as
// those of Hourglass.
package onnx

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"

	"hourglass/graph"
	"hourglass/kernels"
	"hourglass/models"
)

// A Function is a part of a model: one array in, one array out.
type Function struct {
	Name, Doc string // of the graph
	// Input and Output name the arrays. Those of three axes beside the batch's
	// are images, which the file takes and gives as [N C H W].
	Input, Output string
	// In is the shape of the input without the axis of the batch: [H W C], [z].
	In kernels.Shape
	// Build declares the variables and returns the output for a batch x of any
	// size. It is called with builders of its own.
	Build func(b *graph.Builder, x *graph.Node) *graph.Node
}

// Encoder returns the function from images to codes, of a variational model to
// the means of their distributions.
func Encoder(m models.Model) Function {
	image := m.Config().Image
	return Function{
		Name: m.Config().Name + ".encoder", Doc: "from images to codes",
		Input: "image", Output: "code", In: image[:],
		Build: func(b *graph.Builder, x *graph.Node) *graph.Node { return m.On(b).Encode(x) },
	}
}

// Decoder returns the function from codes to images.
func Decoder(m models.Model) (Function, error) {
	b, image := graph.NewBuilder(), m.Config().Image
	code := b.ShapeOf(m.On(b).Encode(b.Input("image", 1, image[0], image[1], image[2])))
	return Function{
		Name: m.Config().Name + ".decoder", Doc: "from codes to images",
		Input: "code", Output: "reconstruction", In: code[min(1, len(code)):],
		Build: func(b *graph.Builder, z *graph.Node) *graph.Node { return m.On(b).Decode(z) },
	}, b.Err()
}

// Whole returns the function from images to their reconstructions.
func Whole(m models.Model) Function {
	image := m.Config().Image
	return Function{
		Name: m.Config().Name, Doc: "from images to their reconstructions",
		Input: "image", Output: "reconstruction", In: image[:],
		Build: func(b *graph.Builder, x *graph.Node) *graph.Node {
			net := m.On(b)
			return net.Decode(net.Encode(x))
		},
	}
}

// Classifier returns the function from images to the probabilities of their
// classes. A model that is no classifier is an error once it is written.
func Classifier(m models.Model) Function {
	image := m.Config().Image
	return Function{
		Name: m.Config().Name + ".classifier", Doc: "from images to the probabilities of their classes",
		Input: "image", Output: "probabilities", In: image[:],
		Build: func(b *graph.Builder, x *graph.Node) *graph.Node {
			c, ok := m.On(b).(models.Classifier)
			if !ok {
				return b.Fail("the model %s knows no classes: it was not trained on labels", m.Config().Name)
			}
			return c.Classify(x)
		},
	}
}

// maxBytes is what a file may hold: protocol buffers count to 2³¹.
const maxBytes = math.MaxInt32

// Write writes a function with the given values of its variables, of which there
// may be more, in any order. Metadata, which may be nil, become the model's
// metadata_props. It is an error, which names the operation, if the graph has
// one that ONNX has no counterpart of or that depends on the size of the batch.
func Write(w io.Writer, f Function, weights []graph.Array, metadata map[string]string) error {
	t := &translation{constants: map[string]int{}, values: map[*graph.Node]*value{}, weights: map[string]graph.Array{}}
	total := 0
	for _, a := range weights {
		t.weights[a.Name] = a
		total += 4 * len(a.Data)
	}
	if total > maxBytes {
		return fmt.Errorf("onnx: weights of %d bytes, and a file of this format holds at most %d: export safetensors", total, maxBytes)
	}
	if err := t.function(f); err != nil {
		return fmt.Errorf("onnx: %s: %w", f.Name, err)
	}
	t.file.name, t.file.doc = f.Name, f.Doc
	t.file.metadata, t.file.metadataKeys = metadata, slices.Sorted(maps.Keys(metadata))
	encoded := appendModel(nil, &t.file)
	if len(encoded) > maxBytes {
		return fmt.Errorf("onnx: %s: a file of %d bytes, want at most %d: export safetensors", f.Name, len(encoded), maxBytes)
	}
	if _, err := w.Write(encoded); err != nil {
		return fmt.Errorf("onnx: %s: %w", f.Name, err)
	}
	return nil
}
