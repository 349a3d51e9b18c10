package models

import (
	"fmt"
	"strconv"
	"strings"

	"hourglass/graph"
	"hourglass/kernels"
)

// stage is the autoencoder of one layer of a stacked model. With h_0 the image
// and h_k what encoder layer k makes of h_(k−1), it trains encoder layer k and
// the decoder layer that mirrors it to restore h_(k−1) from h_k, and leaves the
// layers below as they are (Bengio et al., Greedy Layer-Wise Training of Deep
// Networks, 2007). With Denoise the layer is given a corrupted h_(k−1), as in
// Vincent et al., Stacked Denoising Autoencoders (2010).
//
// A layer is a dense one of Hidden, or a block of a convolutional network, whose
// last layer is the dense one that makes the code.
//
// The image is compared by the config's loss, the codes by the squared error,
// mean over all elements. Dropout leaves what is restored of a code alone.
// Sparsity, Contractive and KeepGiven are of the whole: stages do without.
type stage struct {
	config Config
	layer  int // from 1
}

// Stages returns the models that a stacked model's layers are trained by before
// all are trained together, in their order; none of another model, nor of a
// classifier, which labels train. Variables
// have the names that they have in the whole model: a stage begins with what
// the earlier ones came to.
//
// Of a stage's Net, Encode gives h_k and Decode h_(k−1), for k > 1 not an image.
func Stages(m Model) []Model {
	c := m.Config()
	if _, isStage := m.(stage); isStage || c.Name != "stacked" || c.Classes > 0 {
		return nil
	}
	var all []Model
	for layer := 1; layer <= c.stackDepth(); layer++ {
		all = append(all, stage{c, layer})
	}
	return all
}

// stackDepth returns the number of layers of a stacked model's encoder.
func (c Config) stackDepth() int {
	if c.isConvolutional() {
		return len(c.Blocks) + 1
	}
	return len(c.Hidden) + 1
}

// stageCorruptions returns what the stages of a stacked model corrupt their
// inputs by: the parts of Denoise, of which the last goes for all that follow.
func (c Config) stageCorruptions() ([]corruption, error) {
	var all []corruption
	for text := range strings.SplitSeq(c.Denoise, ",") {
		k, err := parseCorruption(text)
		if err == nil {
			err = k.check(c.Image)
		}
		if err == nil && k.kind != "gaussian" && k.kind != "mask" {
			err = fmt.Errorf("denoise %s: want gaussian or mask in a stacked model, whose codes are no images", k.kind)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, k)
	}
	if layers := c.stackDepth(); len(all) > layers {
		return nil, fmt.Errorf("denoise %q: %d corruptions for the %d layers of the encoder, want at most one each", c.Denoise, len(all), layers)
	}
	return all, nil
}

// Config returns the configuration of the whole model.
func (m stage) Config() Config { return m.config }

// On declares the encoder's layers up to the stage's, those below as fixed, and
// the layers of the decoder that undo the stage's.
func (m stage) On(b *graph.Builder) Net {
	parts, k := m.config.stackParts(), m.layer-1
	var encoder, decoder Serial
	from, back := 0, 0
	for i, part := range parts {
		if i < k {
			from += len(part.encoder)
		} else if i > k {
			back += len(part.decoder)
		}
		encoder = append(encoder, part.encoder...)
		decoder = append(parts[i].decoder[:len(parts[i].decoder):len(parts[i].decoder)], decoder...)
	}
	n := &stageNet{b: b, stage: m}
	shape := m.config.shape()
	n.below, shape = declarePart(b, "encoder", encoder, 0, from, shape)
	for _, p := range b.Params() {
		p.Fixed = true
	}
	n.encoder, shape = declarePart(b, "encoder", encoder, from, from+len(parts[k].encoder), shape)
	end := back + len(parts[k].decoder)
	if _, ok := decoder[end-1].(Dropout); ok {
		end-- // what it would drop is not hidden here, but the code to be restored
	}
	n.decoder, _ = declarePart(b, "decoder", decoder, back, end, shape)
	return n
}

// stackPart is what one layer adds to a stacked model: the layers of the
// encoder that make h_k of h_(k−1), and those of the decoder that undo them.
type stackPart struct{ encoder, decoder Serial }

// stackParts cuts a stacked model into its layers, the one at the image first.
// A convolution is undone by a transposed one (or what Upsample says) of the same
// kernel and stride that has as many filters as the layer below: the decoder
// mirrors the encoder channel by channel (Masci et al., Stacked Convolutional
// Auto-Encoders for Hierarchical Feature Extraction, 2011).
func (c Config) stackParts() []stackPart {
	init := c.initializer()
	var parts []stackPart
	if !c.isConvolutional() {
		view := append(c.view(), Flatten{})
		back := Serial{Dense{Units: c.shape().Size(), Init: init}, Reshape{To: c.shape()}}
		for _, width := range c.Hidden {
			parts = append(parts, stackPart{append(view, c.hidden(Dense{Units: width, Init: init}, width)...), back})
			view, back = nil, c.hidden(Dense{Units: width, Init: init}, width)
		}
		code := append(view, Dense{Units: c.Latent, Init: init}, activation(c.CodeActivation))
		return append(parts, stackPart{code, back})
	}
	_, sizes := c.downs()
	view, below := c.view(), c.Image[2]
	for i, block := range c.Blocks {
		back := c.up(Block{Filters: below, Kernel: block.Kernel, Stride: block.Stride}, sizes[i])
		if i == 0 {
			back = c.upTo(block, below, sizes[i])
		}
		parts = append(parts, stackPart{append(view, c.down(block)...), back})
		view, below = nil, block.Filters
	}
	last := sizes[len(sizes)-1]
	top := kernels.Shape{last[0], last[1], below}
	return append(parts, stackPart{
		Serial{Flatten{}, Dense{Units: c.Latent, Init: init}, activation(c.CodeActivation)},
		Serial{Dense{Units: top.Size(), Init: init}, activation(c.Activation), Reshape{To: top}},
	})
}

// stackedBody returns the layers of a whole stacked model.
func stackedBody(c Config) body {
	var whole body
	parts := c.stackParts()
	for i := range parts {
		whole.encoder = append(whole.encoder, parts[i].encoder...)
		whole.decoder = append(whole.decoder, parts[len(parts)-1-i].decoder...)
	}
	whole.encoder = whole.encoder[:len(whole.encoder)-2] // newAutoencoder adds the code
	return whole
}

// declarePart declares layers from up to to of a stack, under the names that
// they have in the whole.
func declarePart(b *graph.Builder, scope string, layers Serial, from, to int, in kernels.Shape) (Apply, kernels.Shape) {
	applies, shape := make([]Apply, to-from), in
	b.In(scope, func() {
		for i := range applies {
			if b.Err() == nil {
				b.In(strconv.Itoa(from+i), func() { applies[i], shape = layers[from+i].On(b, shape) })
			}
		}
	})
	if b.Err() != nil {
		return broken, nil
	}
	return func(x *graph.Node, p Phase) *graph.Node {
		for _, apply := range applies {
			x = apply(x, p)
		}
		return x
	}, shape
}

// stageNet is a stage on a builder.
type stageNet struct {
	b                       *graph.Builder
	stage                   stage
	below, encoder, decoder Apply
}

// Encode returns h_k of images.
func (n *stageNet) Encode(x *graph.Node) *graph.Node {
	return n.encoder(n.below(x, Phase{}), Phase{})
}

// Decode returns h_(k−1) of h_k.
func (n *stageNet) Decode(code *graph.Node) *graph.Node {
	h := n.decoder(code, Phase{})
	if n.stage.layer == 1 && n.stage.config.Output == "sigmoid" {
		return n.b.Fn(kernels.Sigmoid, 0, h)
	}
	return h
}

// Loss returns how far h_(k−1) is from what is restored of it.
func (n *stageNet) Loss(x *graph.Node, p Phase) Loss {
	h := n.below(x, Phase{})
	seen := h
	if n.stage.config.Denoise != "" {
		seen = n.corrupt(h, p)
	}
	restored := n.decoder(n.encoder(seen, p), p)
	if n.stage.layer == 1 {
		whole := autoencoder{b: n.b, config: n.stage.config}
		total := whole.reconstructionLoss(restored, x, p)
		return Loss{Total: total, Terms: []Term{{n.stage.config.Loss, total}}}
	}
	total := MSE(n.b, MeanOverAll, restored, h)
	return Loss{Total: total, Terms: []Term{{"mse", total}}}
}

// corrupt corrupts h by the stage's part of Denoise. Codes have no bound to be
// cut to.
func (n *stageNet) corrupt(h *graph.Node, p Phase) *graph.Node {
	all, err := n.stage.config.stageCorruptions()
	if err != nil {
		return n.b.Fail("%w", err)
	}
	k := all[min(n.stage.layer, len(all))-1]
	if n.stage.layer == 1 {
		y, _ := k.apply(n.b, h, p)
		return y
	}
	name := fmt.Sprintf("denoise.stage%d", n.stage.layer)
	if k.kind == "mask" {
		return n.b.Mul(h, p.noise(n.b, kernels.Noise{Dist: kernels.Bernoulli, P: 1 - k.amount}, name, h))
	}
	noise := n.b.Scale(k.amount, p.noise(n.b, kernels.Noise{Dist: kernels.Normal}, name, h))
	if k.mean != 0 {
		noise = n.b.Offset(noise, k.mean)
	}
	return n.b.Add(h, noise)
}

// Metrics returns the loss.
func (n *stageNet) Metrics(x *graph.Node, p Phase) []Term { return n.Loss(x, p).Terms }
