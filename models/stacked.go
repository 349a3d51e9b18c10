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
// The image is compared by the config's loss, the codes by the squared error,
// mean over all elements.
type stage struct {
	config Config
	layer  int // from 1
}

// Stages returns the models that a stacked model's layers are trained by before
// all are trained together, in their order; none of another model. Variables
// have the names that they have in the whole model: a stage begins with what
// the earlier ones came to.
//
// Of a stage's Net, Encode gives h_k and Decode h_(k−1), for k > 1 not an image.
func Stages(m Model) []Model {
	c := m.Config()
	if _, isStage := m.(stage); isStage || c.Name != "stacked" {
		return nil
	}
	var all []Model
	for layer := 1; layer <= len(c.Hidden)+1; layer++ {
		all = append(all, stage{c, layer})
	}
	return all
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
			err = fmt.Errorf("denoise %s: want gaussian or mask in a stacked model, whose codes have no rows and columns", k.kind)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, k)
	}
	if layers := len(c.Hidden) + 1; len(all) > layers {
		return nil, fmt.Errorf("denoise %q: %d corruptions for the %d layers of the encoder, want at most one each", c.Denoise, len(all), layers)
	}
	return all, nil
}

// Config returns the configuration of the whole model.
func (m stage) Config() Config { return m.config }

// On declares the encoder's layers up to the stage's, those below as fixed, and
// the layer of the decoder.
func (m stage) On(b *graph.Builder) Net {
	c, layers := m.config, denseBody(m.config)
	code := Dense{Units: c.Latent, Init: c.initializer()}
	encoder := append(layers.encoder, code, activation(c.CodeActivation))
	each := len(c.hidden(code, c.Latent)) // layers of the Serial that make a hidden one
	start := len(c.view()) + 1            // behind what makes numbers of the image
	from, to := start+(m.layer-1)*each, min(start+m.layer*each, len(encoder))
	if m.layer == 1 {
		from = 0
	}
	back := (len(c.Hidden) + 1 - m.layer) * each
	backTo := min(back+each, len(layers.decoder))
	if m.layer == 1 {
		backTo = len(layers.decoder)
	}

	n := &stageNet{b: b, stage: m}
	shape := c.shape()
	n.below, shape = declarePart(b, "encoder", encoder, 0, from, shape)
	for _, p := range b.Params() {
		p.Fixed = true
	}
	n.encoder, shape = declarePart(b, "encoder", encoder, from, to, shape)
	n.decoder, _ = declarePart(b, "decoder", layers.decoder, back, backTo, shape)
	return n
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
