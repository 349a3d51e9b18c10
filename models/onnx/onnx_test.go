package onnx

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"

	"hourglass/graph"
	"hourglass/kernels"
	"hourglass/models"
)

var update = flag.Bool("update", false, "write the golden files anew")

// fields returns the fields of a message in their order.
func fields(t *testing.T, message []byte) (all []field) {
	t.Helper()
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		message = message[n:]
		f := field{number: int(number)}
		switch kind {
		case protowire.VarintType:
			f.number64, n = protowire.ConsumeVarint(message)
		case protowire.Fixed32Type:
			var v uint32
			v, n = protowire.ConsumeFixed32(message)
			f.number64 = uint64(v)
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(message)
		default:
			t.Fatalf("a field of type %d", kind)
		}
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		message = message[n:]
		all = append(all, f)
	}
	return all
}

type field struct {
	number   int
	number64 uint64
	bytes    []byte
}

// text prints the graph of a model: input, operators, constants, output.
func text(t *testing.T, model []byte) string {
	t.Helper()
	var b strings.Builder
	for _, f := range fields(t, model) {
		if f.number != 7 {
			continue
		}
		for _, part := range fields(t, f.bytes) {
			switch part.number {
			case 1:
				printNode(t, &b, part.bytes)
			case 5:
				printTensor(t, &b, part.bytes)
			case 11, 12:
				printPort(t, &b, map[int]string{11: "input", 12: "output"}[part.number], part.bytes)
			}
		}
	}
	return b.String()
}

func printNode(t *testing.T, b *strings.Builder, message []byte) {
	var in, options []string
	out, op := "", ""
	for _, f := range fields(t, message) {
		switch f.number {
		case 1:
			in = append(in, string(f.bytes))
		case 2:
			out = string(f.bytes)
		case 4:
			op = string(f.bytes)
		case 5:
			options = append(options, attributeText(t, f.bytes))
		}
	}
	fmt.Fprintf(b, "%s = %s(%s) %s\n", out, op, strings.Join(in, ", "), strings.Join(options, " "))
}

func attributeText(t *testing.T, message []byte) string {
	name, value := "", ""
	var list []uint64
	for _, f := range fields(t, message) {
		switch f.number {
		case 1:
			name = string(f.bytes)
		case 2:
			value = fmt.Sprint(math.Float32frombits(uint32(f.number64)))
		case 3:
			value = fmt.Sprint(f.number64)
		case 4:
			value = string(f.bytes)
		case 8:
			list = append(list, f.number64)
			value = fmt.Sprint(list)
		}
	}
	return name + "=" + value
}

func printTensor(t *testing.T, b *strings.Builder, message []byte) {
	var dims []uint64
	name, bytes := "", 0
	for _, f := range fields(t, message) {
		switch f.number {
		case 1:
			dims = append(dims, f.number64)
		case 8:
			name = string(f.bytes)
		case 9:
			bytes = len(f.bytes)
		}
	}
	fmt.Fprintf(b, "constant %s %v, %d bytes\n", name, dims, bytes)
}

func printPort(t *testing.T, b *strings.Builder, kind string, message []byte) {
	name, dims := "", []string{}
	for _, f := range fields(t, message) {
		switch f.number {
		case 1:
			name = string(f.bytes)
		case 2:
			shape := fields(t, fields(t, f.bytes)[0].bytes)[1]
			for _, dim := range fields(t, shape.bytes) {
				of := fields(t, dim.bytes)[0]
				dims = append(dims, fmt.Sprint(of.number64))
				if of.number == 2 {
					dims[len(dims)-1] = string(of.bytes)
				}
			}
		}
	}
	fmt.Fprintf(b, "%s %s [%s]\n", kind, name, strings.Join(dims, " "))
}

// TestGraphs holds the files of some models to golden ones: a change of what is
// written shows in review.
func TestGraphs(t *testing.T) {
	image := [3]int{9, 8, 3}
	blocks := []models.Block{{Filters: 4}, {Filters: 6, Kernel: 5}}
	for name, c := range map[string]models.Config{
		"conv":  {Name: "conv", Image: image, Latent: 3, Blocks: blocks, Norm: "batch"},
		"group": {Name: "conv", Image: image, Latent: 3, Blocks: blocks[:1], Norm: "group", Downsample: "max", Upsample: "bilinear"},
		"vae":   {Name: "vae", Image: image, Latent: 3, Beta: 1, Hidden: []int{10}, Activation: "gelu"},
		"vqvae": {Name: "vqvae", Image: image, Latent: 3, Blocks: blocks, Codebook: 7},
	} {
		m, err := models.New(c)
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		decoder, err := Decoder(m)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range []Function{Encoder(m), decoder} {
			var first, second bytes.Buffer
			for _, w := range []*bytes.Buffer{&first, &second} {
				if err := Write(w, f, zeros(t, m), map[string]string{"b": "2", "a": "1"}); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(first.Bytes(), second.Bytes()) {
				t.Errorf("%s: the same model gave other bytes", f.Name)
			}
			fmt.Fprintf(&got, "%s\n%s\n", f.Name, text(t, first.Bytes()))
		}
		path := filepath.Join("testdata", name+".txt")
		if *update {
			if err := os.WriteFile(path, []byte(got.String()), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("%s (−want +got):\n%s", name, diff)
		}
	}
}

// zeros returns zeros for the variables of a model.
func zeros(t *testing.T, m models.Model) []graph.Array {
	t.Helper()
	b := graph.NewBuilder()
	m.On(b)
	if b.Err() != nil {
		t.Fatal(b.Err())
	}
	var all []graph.Array
	for _, p := range b.Params() {
		all = append(all, graph.Array{Name: p.Name, Shape: p.Shape, Data: make([]float32, p.Shape.Size())})
	}
	return all
}

// TestWriteRefuses names the operation that has no translation, and weights that
// do not fit.
func TestWriteRefuses(t *testing.T) {
	w := graph.Array{Name: "w", Shape: kernels.Shape{6}, Data: make([]float32, 6)}
	type node = *graph.Node
	for want, build := range map[string]func(b *graph.Builder, x node) node{
		"normal: the operation kernels.Noise has no translation": func(b *graph.Builder, x node) node {
			return b.Apply(kernels.Noise{}, x, b.Apply(kernels.Cast{To: kernels.Int32}, b.Apply(kernels.Slice{To: 1}, b.Param("w", ones, 6))))
		},
		"the function geluslope has no translation": func(b *graph.Builder, x node) node { return b.Fn(kernels.GELUSlope, 0, x) },
		"the function relugrad has no translation":  func(b *graph.Builder, x node) node { return b.Fn2(kernels.ReLUGrad, 0, x, x) },
		"an epilogue of": func(b *graph.Builder, x node) node {
			return b.Apply(kernels.MatMul{TransB: true, Epilogue: kernels.Epilogue{Fn: kernels.ReLU}}, x, x)
		},
		"an option that depends on the size of the batch": func(b *graph.Builder, x node) node {
			return b.Scale(1/float64(b.ShapeOf(x)[0]), x)
		},
		"slice: along axis 0 of [2 6], which depends on the size of the batch": func(b *graph.Builder, x node) node {
			return b.Apply(kernels.Slice{To: 1}, x)
		},
		"broadcast: [6] to [2 6]: axis 0 depends on the size of the batch": func(b *graph.Builder, x node) node {
			return b.Mul(x, b.Apply(kernels.Broadcast{To: kernels.DimsOf(b.ShapeOf(x)[0], 6)}, b.Param("w", ones, 6)))
		},
		"of which 2 axes depend on the size of the batch": func(b *graph.Builder, x node) node {
			n := b.ShapeOf(x)[0]
			return b.Reshape(b.Apply(kernels.MatMul{TransB: true}, x, x), n, 1, n)
		},
		"has another form for batches of 3": func(b *graph.Builder, x node) node {
			if b.ShapeOf(x)[0] == otherBatch {
				return b.Fn(kernels.Exp, 0, x)
			}
			return b.Fn(kernels.Exp, 0, b.Fn(kernels.Abs, 0, x))
		},
		"conv2d: a filter that is computed": func(b *graph.Builder, x node) node {
			n := b.ShapeOf(x)[0]
			return b.Apply(kernels.Conv2D{}, b.Reshape(x, n, 2, 3, 1), b.Reshape(b.Mean(x, 0), 2, 3, 1, 1))
		},
		"the output does not depend on the input":       func(b *graph.Builder, _ node) node { return b.Param("w", ones, 6) },
		"there is no value for the variable v [6]":      func(b *graph.Builder, x node) node { return b.Mul(x, b.Param("v", ones, 6)) },
		"the value of w has shape [6], want [1 6]":      func(b *graph.Builder, x node) node { return b.Mul(x, b.Param("w", ones, 1, 6)) },
		"the model conv knows no classes":               func(b *graph.Builder, x node) node { return classes(t).Build(b, x) },
		"onnx: f: the output is nil":                    func(*graph.Builder, node) node { return nil },
		"graph: the name \"x\" of an input or variable": func(b *graph.Builder, x node) node { return b.Mul(x, b.Param("x", ones, 6)) },
	} {
		var out bytes.Buffer
		err := Write(&out, Function{Name: "f", Input: "x", Output: "y", In: kernels.Shape{6}, Build: build}, []graph.Array{w}, nil)
		if err == nil || !strings.Contains(err.Error(), want) || out.Len() > 0 {
			t.Errorf("error %v and %d bytes, want one that tells %q and none", err, out.Len(), want)
		}
	}
}

// TestWriteRefusesLargeModels, whose files protocol buffers could not count.
func TestWriteRefusesLargeModels(t *testing.T) {
	var weights []graph.Array
	shared := make([]float32, 1<<20)
	for i := range 1 << 9 {
		weights = append(weights, graph.Array{Name: fmt.Sprint(i), Shape: kernels.Shape{1 << 20}, Data: shared})
	}
	f := Function{Name: "f", Input: "x", Output: "y", In: kernels.Shape{1}, Build: func(b *graph.Builder, x *graph.Node) *graph.Node { return x }}
	var out bytes.Buffer
	if err := Write(&out, f, weights, nil); err == nil || !strings.Contains(err.Error(), "export safetensors") || out.Len() > 0 {
		t.Errorf("error %v and %d bytes, want one that tells what to export instead", err, out.Len())
	}
	if err := Write(&out, f, weights[:1], nil); err != nil || !strings.Contains(text(t, out.Bytes()), "y = Identity(x)") {
		t.Errorf("error %v, want what gives its input back", err)
	}
}

// classes is the classifier of a model that is none.
func classes(t *testing.T) Function {
	m, err := models.New(models.Config{Name: "conv", Latent: 2})
	if err != nil {
		t.Fatal(err)
	}
	return Classifier(m)
}
