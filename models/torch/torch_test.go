package torch

import (
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hourglass/graph"
	"hourglass/kernels"
	"hourglass/models"
	"hourglass/models/export"
)

var update = flag.Bool("update", false, "write the golden files anew")

func newModel(t testing.TB, c models.Config) models.Model {
	t.Helper()
	m, err := models.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// drawn returns random variables of a model.
func drawn(t testing.TB, m models.Model) []graph.Array {
	t.Helper()
	b := graph.NewBuilder()
	m.On(b)
	if b.Err() != nil {
		t.Fatal(b.Err())
	}
	rng := rand.New(rand.NewPCG(1, 1))
	var all []graph.Array
	for _, p := range b.Params() {
		a := graph.Array{Name: p.Name, Shape: p.Shape, Data: make([]float32, p.Shape.Size())}
		for i := range a.Data {
			a.Data[i] = rng.Float32()
		}
		all = append(all, a)
	}
	return all
}

// configs are models with every kind of layer, on images whose order matters.
func configs(t testing.TB) []models.Config {
	t.Helper()
	image, blocks := [3]int{7, 6, 3}, []models.Block{{Filters: 4}, {Filters: 6, Kernel: 4, Stride: 3}}
	list := []models.Config{
		{Name: "conv", Image: image, Latent: 2, Blocks: blocks, Norm: "batch", Downsample: "max", Upsample: "bilinear"},
		{Name: "conv", Image: image, Latent: 2, Blocks: blocks, Norm: "group", Downsample: "average", Classes: 3},
		{Name: "dense", Image: image, Latent: 2, Norm: "batch", Dropout: 0.5},
		{Name: "vae", Network: "conv", Image: image, Latent: 2, Blocks: blocks, Beta: 1, Likelihood: "gaussian", LearnSigma: true},
		{Name: "vae", Image: image, Latent: 2, Hidden: []int{}, Beta: 1},
		{Name: "vqvae", Image: image, Latent: 5, Codebook: 4, Blocks: blocks},
	}
	for _, name := range models.Names() {
		c, err := models.Default(name)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, c)
	}
	return list
}

// TestRoundTrip brings the weights of every kind of layer to PyTorch and back.
func TestRoundTrip(t *testing.T) {
	for _, c := range configs(t) {
		m := newModel(t, c)
		weights := drawn(t, m)
		tensors, err := StateDict(m, weights)
		if err != nil {
			t.Fatal(err)
		}
		rand.New(rand.NewPCG(2, 2)).Shuffle(len(tensors), func(i, j int) { tensors[i], tensors[j] = tensors[j], tensors[i] })
		back, err := Weights(m, tensors)
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		for i, w := range weights {
			if back[i].Name != w.Name || !back[i].Shape.Equal(w.Shape) || !slices.Equal(back[i].Data, w.Data) {
				t.Errorf("%s: %s %v came back as %s %v, or with other numbers", c.Name, w.Name, w.Shape, back[i].Name, back[i].Shape)
			}
		}
		if _, err := Code(m); err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
	}
}

// TestLayouts spells out where elements go, on an image of 1×2 pixels with two
// channels: our order of its four numbers is by pixel, PyTorch's by channel.
func TestLayouts(t *testing.T) {
	m := newModel(t, models.Config{Name: "dense", Image: [3]int{1, 2, 2}, Latent: 2, Hidden: []int{}})
	weights := []graph.Array{
		{Name: "encoder.1.weight", Shape: kernels.Shape{4, 2}, Data: []float32{0, 1, 2, 3, 4, 5, 6, 7}}, // [in out]
		{Name: "encoder.1.bias", Shape: kernels.Shape{2}, Data: []float32{8, 9}},
		{Name: "decoder.0.weight", Shape: kernels.Shape{2, 4}, Data: []float32{10, 11, 12, 13, 14, 15, 16, 17}},
		{Name: "decoder.0.bias", Shape: kernels.Shape{4}, Data: []float32{20, 21, 22, 23}},
	}
	tensors, err := StateDict(m, weights)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]float32{
		"encoder.1.weight": {0, 4, 2, 6, 1, 5, 3, 7},
		"encoder.1.bias":   {8, 9},
		"decoder.0.weight": {10, 14, 12, 16, 11, 15, 13, 17},
		"decoder.0.bias":   {20, 22, 21, 23},
	}
	for _, x := range tensors {
		got, err := export.Values[float32](x)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want[x.Name]) {
			t.Errorf("%s %v: %v, want %v", x.Name, x.Shape, got, want[x.Name])
		}
	}

	m = newModel(t, models.Config{Name: "conv", Image: [3]int{3, 3, 2}, Latent: 1, Blocks: []models.Block{{Filters: 3, Kernel: 2}}})
	weights = drawn(t, m)
	if tensors, err = StateDict(m, weights); err != nil {
		t.Fatal(err)
	}
	for name, shape := range map[string][]int{"encoder.0.weight": {3, 2, 2, 2}, "decoder.5.weight": {3, 2, 2, 2}} {
		i := slices.IndexFunc(tensors, func(x export.Tensor) bool { return x.Name == name })
		w := weights[slices.IndexFunc(weights, func(a graph.Array) bool { return a.Name == name })]
		values, err := export.Values[float32](tensors[i])
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(tensors[i].Shape, shape) {
			t.Errorf("%s has shape %v, want %v", name, tensors[i].Shape, shape)
		}
		at := kernels.Shape(shape).Strides()
		own := w.Shape.Strides()
		o, c, kh, kw := 2, 1, 0, 1
		if got, want := values[o*at[0]+c*at[1]+kh*at[2]+kw*at[3]], w.Data[kh*own[0]+kw*own[1]+c*own[2]+o*own[3]]; got != want {
			t.Errorf("%s[2 1 0 1] is %v, want %v", name, got, want)
		}
	}
}

// TestCode holds the code of some models to golden files.
func TestCode(t *testing.T) {
	image, blocks := [3]int{9, 8, 3}, []models.Block{{Filters: 4}, {Filters: 6, Kernel: 5}}
	for name, c := range map[string]models.Config{
		"conv":       {Name: "colorization", Image: image, Latent: 3, Blocks: blocks, Norm: "batch", Downsample: "average", Upsample: "nearest", Colorize: true, Dropout: 0.25},
		"vae":        {Name: "vae", Network: "conv", Image: image, Latent: 3, Beta: 1, Blocks: blocks},
		"vqvae":      {Name: "vqvae", Image: image, Latent: 3, Blocks: blocks, Codebook: 7, Activation: "leaky_relu"},
		"classifier": {Name: "dense", Image: image, Latent: 3, Classes: 4, Norm: "group"},
	} {
		got, err := Code(newModel(t, c))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", name+".py")
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (−want +got):\n%s", name, diff)
		}
	}
}

// TestWeightsRefuses names the first tensor that does not fit and what was wanted.
func TestWeightsRefuses(t *testing.T) {
	m := newModel(t, models.Config{Name: "dense", Image: [3]int{2, 2, 1}, Latent: 2, Hidden: []int{3}, Norm: "batch"})
	tensor := func(name string, shape ...int) export.Tensor {
		x, err := export.NewTensor(name, shape, make([]float32, kernels.Shape(shape).Size()))
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	change := func(name string, to ...export.Tensor) []export.Tensor {
		all, err := StateDict(m, drawn(t, m))
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(all, func(x export.Tensor) bool { return x.Name == name })
		return slices.Replace(all, i, i+1, to...)
	}
	bytes, err := export.NewTensor("encoder.1.bias", []int{3}, []uint8{1, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	for want, tensors := range map[string][]export.Tensor{
		"dense wants a tensor encoder.1.weight [3 4], and there is none of that name; not known are 1.weight": change("encoder.1.weight", tensor("1.weight", 3, 4)),
		"dense wants a tensor encoder.2.running_var [3], and there is none of that name":                      change("encoder.2.running_var"),
		"encoder.1.weight has the shape [4 3], dense wants [3 4]":                                             change("encoder.1.weight", tensor("encoder.1.weight", 4, 3)),
		"head.bias [2] is none of the": change("encoder.1.bias", tensor("encoder.1.bias", 3), tensor("head.bias", 2)),
		"encoder.1.bias holds U8":      change("encoder.1.bias", bytes),
	} {
		if _, err := Weights(m, tensors); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that tells %q", err, want)
		}
	}
	// PyTorch's counter of batches is not needed, and float64 is rounded.
	wide, err := export.NewTensor("encoder.1.bias", []int{3}, []float64{0.1, 0.2, 0.3})
	if err != nil {
		t.Fatal(err)
	}
	tensors := slices.DeleteFunc(change("encoder.1.bias", wide), func(x export.Tensor) bool { return strings.HasSuffix(x.Name, counter) })
	weights, err := Weights(m, tensors)
	if err != nil {
		t.Fatal(err)
	}
	if got := weights[1]; got.Name != "encoder.1.bias" || !slices.Equal(got.Data, []float32{0.1, 0.2, 0.3}) {
		t.Errorf("float64 became %v", got)
	}
}

// foreign is a model that does not tell its layers.
type foreign struct{ models.Model }

func (f foreign) On(b *graph.Builder) models.Net { return foreignNet{f.Model.On(b)} }

type foreignNet struct{ models.Net }

func TestForeignModel(t *testing.T) {
	m := foreign{newModel(t, models.Config{Name: "dense", Latent: 2})}
	if _, err := Code(m); err == nil || !strings.Contains(err.Error(), "does not tell its layers") {
		t.Errorf("error %v, want one that the model does not tell its layers", err)
	}
}
