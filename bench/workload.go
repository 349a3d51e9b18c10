package bench

import (
	"fmt"
	"slices"
	"strings"

	"hourglass/graph"
	"hourglass/kernels"
	"hourglass/models"
)

// A workload is one row of the table.
type workload struct {
	name, about string
	kind        kind
	image       [3]int // height, width, channels
	batch       int
	rate        float32 // Adam's
	on          func(b *graph.Builder) network
}

// kind says what is timed.
type kind uint8

const (
	training  kind = iota // a step: forward, backward and Adam
	encoding              // codes of a batch, from host memory to host memory
	firstStep             // a process, until its first training step is done
)

// network is a model on a builder, with its variables declared.
type network struct {
	encode func(x *graph.Node) *graph.Node
	// loss returns what training minimises; step is the counter that noise is
	// drawn by.
	loss func(x, step *graph.Node) *graph.Node
}

// latents of the networks, which the peers' programs repeat.
const (
	vae64Latent    = 64
	deepConvLatent = 128
)

// Learning rates, which the peers' programs repeat. Batch norm and Adam in
// concert amplify rounding: with the usual rate, PyTorch's own losses of
// deep-conv in float32 and in float64 are 0.9% apart after five steps, with the
// gentle one 0.003% after twenty. The work is the same.
const (
	usualRate  = 1e-3
	gentleRate = 2e-6
)

// workloads lists them in the order of the table.
var workloads = []workload{
	{"seed-conv", "a training step of the conv model, 28×28×1, z = 2, MSE, Adam", training, [3]int{28, 28, 1}, 128, usualRate, seedConv},
	{"dense", "a training step of 784-128-32-128-784, MSE, Adam", training, [3]int{28, 28, 1}, 256, usualRate, denseNet},
	{"vae64", "a training step of a VAE, 64×64×3, four convolutions of stride 2, z = 64, BCE + KL, Adam", training, [3]int{64, 64, 3}, 64, usualRate, vae64},
	{"deep-conv", "a training step of 18 convolutions with batch norm, 32×32×3, z = 128, MSE, Adam", training, [3]int{32, 32, 3}, 128, gentleRate, deepConv},
	{"encode", "codes by seed-conv's encoder, a batch of 128", encoding, [3]int{28, 28, 1}, 128, usualRate, seedConv},
	{"encode-1", "codes by seed-conv's encoder, one image at a time", encoding, [3]int{28, 28, 1}, 1, usualRate, seedConv},
	{"first-step", "from the start of a process to the end of its first training step, built-in images", firstStep, [3]int{28, 28, 1}, 128, usualRate, seedConv},
}

// Names returns the names of the workloads.
func Names() []string {
	var names []string
	for _, w := range workloads {
		names = append(names, w.name)
	}
	return names
}

// About returns one line about the workload of that name, "" if there is none.
func About(name string) string {
	w, err := find(name)
	if err != nil {
		return ""
	}
	return w.about
}

// find returns the workload of that name.
func find(name string) (workload, error) {
	for _, w := range workloads {
		if w.name == name {
			return w, nil
		}
	}
	return workload{}, fmt.Errorf("bench: there is no workload %q; want %s", name, strings.Join(Names(), ", "))
}

// Check returns an error that lists the workloads if one of the names is of none.
func Check(names ...string) error {
	_, err := choose(names)
	return err
}

// choose returns the workloads of those names, or all if there are no names, in
// the order of the table. The name encode stands for both of its batch sizes.
func choose(names []string) ([]workload, error) {
	for _, name := range names {
		if _, err := find(name); err != nil {
			return nil, err
		}
	}
	if len(names) == 0 {
		return workloads, nil
	}
	var chosen []workload
	for _, w := range workloads {
		if slices.Contains(names, w.name) || w.name == "encode-1" && slices.Contains(names, "encode") {
			chosen = append(chosen, w)
		}
	}
	return chosen, nil
}

// seedConv is the model conv with a code of 2.
func seedConv(b *graph.Builder) network {
	return ofModel(b, models.Config{Name: "conv", Latent: 2})
}

// denseNet is the model dense with a code of 32.
func denseNet(b *graph.Builder) network {
	return ofModel(b, models.Config{Name: "dense", Latent: 32})
}

func ofModel(b *graph.Builder, c models.Config) network {
	m, err := models.New(c)
	if err != nil {
		b.Fail("bench: %w", err)
		return network{}
	}
	net := m.On(b)
	return network{net.Encode, func(x, step *graph.Node) *graph.Node {
		return net.Loss(x, models.Phase{Training: true, Step: step}).Total
	}}
}

// vae64 is a variational autoencoder whose decoder has exactly the encoder's
// sizes in reverse, which the model vae, with one more layer at the end, has
// not.
func vae64(b *graph.Builder) network {
	widths := []int{32, 64, 128, 256}
	var encoder models.Serial
	for _, width := range widths {
		encoder = append(encoder, conv(width, 2), models.ReLU)
	}
	decoder := models.Serial{models.Dense{Units: 4 * 4 * 256}, models.ReLU, models.Reshape{To: kernels.Shape{4, 4, 256}}}
	for _, width := range []int{128, 64, 32} {
		decoder = append(decoder, convTranspose(width, 2), models.ReLU)
	}
	decoder = append(decoder, convTranspose(3, 2))

	encode, features := declare(b, "encoder", append(encoder, models.Flatten{}), kernels.Shape{64, 64, 3})
	head := models.Dense{Units: vae64Latent}
	mean, _ := declare(b, "mean", head, features)
	logvar, _ := declare(b, "logvar", head, features)
	decode, _ := declare(b, "decoder", decoder, kernels.Shape{vae64Latent})

	p := models.Phase{Training: true}
	return network{
		encode: func(x *graph.Node) *graph.Node { return mean(encode(x, p), p) },
		loss: func(x, step *graph.Node) *graph.Node {
			h := encode(x, p)
			m, l := mean(h, p), logvar(h, p)
			noise := b.Apply(kernels.Noise{Dist: kernels.Normal}, m, step)
			logits := decode(b.Apply(kernels.Reparameterize{}, m, l, noise), p)
			return b.Add(models.BCE(b, models.SumPerImage, logits, x), models.KL(b, m, l))
		},
	}
}

// deepConv is an autoencoder of three stages, each two convolutions of stride 1
// and one of stride 2, with batch norm, and its mirror image.
func deepConv(b *graph.Builder) network {
	var encoder, decoder models.Serial
	widths := []int{64, 128, 256}
	for _, width := range widths {
		for _, stride := range []int{1, 1, 2} {
			encoder = append(encoder, conv(width, stride), models.BatchNorm{}, models.ReLU)
		}
	}
	encoder = append(encoder, models.Flatten{}, models.Dense{Units: deepConvLatent})

	decoder = models.Serial{models.Dense{Units: 4 * 4 * 256}, models.ReLU, models.Reshape{To: kernels.Shape{4, 4, 256}}}
	for i, width := range []int{256, 128, 64} {
		next := []int{128, 64, 3}[i]
		decoder = append(decoder, convTranspose(width, 2), models.BatchNorm{}, models.ReLU,
			convTranspose(width, 1), models.BatchNorm{}, models.ReLU,
			convTranspose(next, 1))
		if i < 2 {
			decoder = append(decoder, models.BatchNorm{}, models.ReLU)
		}
	}
	decoder = append(decoder, models.Sigmoid)

	encode, _ := declare(b, "encoder", encoder, kernels.Shape{32, 32, 3})
	decode, _ := declare(b, "decoder", decoder, kernels.Shape{deepConvLatent})
	p := models.Phase{Training: true}
	return network{
		encode: func(x *graph.Node) *graph.Node { return encode(x, p) },
		loss: func(x, _ *graph.Node) *graph.Node {
			return models.MSE(b, models.MeanOverAll, decode(encode(x, p), p), x)
		},
	}
}

func conv(filters, stride int) models.Layer {
	return models.Conv2D{Filters: filters, Kernel: [2]int{3, 3}, Stride: [2]int{stride, stride}, Pad: kernels.Same}
}

func convTranspose(filters, stride int) models.Layer {
	return models.ConvTranspose2D{Filters: filters, Kernel: [2]int{3, 3}, Stride: [2]int{stride, stride}, Pad: kernels.Same}
}

// declare declares a stack of layers in a scope and returns what applies it and
// the shape of its result, without the batch.
func declare(b *graph.Builder, scope string, layers models.Layer, in kernels.Shape) (apply models.Apply, out kernels.Shape) {
	b.In(scope, func() { apply, out = layers.On(b, in) })
	return apply, out
}
