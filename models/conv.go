package models

import (
	"hourglass/graph"
	"hourglass/kernels"
)

// conv is the convolutional autoencoder: with z the Latent,
//
//	encoder  (Conv2D, activation) for each of Blocks, Flatten, Dense z, code activation
//	decoder  Dense h·w·c, activation, Reshape [h w c],
//	         (ConvTranspose2D, activation) for each of Blocks reversed,
//	         ConvTranspose2D C with stride 1, output
//
// where [h w c] is what the last block makes of the image. All padding is
// "same", and the last kernel is the first block's. The default blocks, 32 and
// 64 filters of 3×3 with stride 2, make the net
//
//	28×28×1 → 14×14×32 → 7×7×64 → z → 7×7×64 → 14×14×64 → 28×28×32 → 28×28×1
//
// It minimises the mean over all pixels of a loss of the reconstruction, the
// squared error by default (Masci et al., Stacked Convolutional Auto-Encoders
// for Hierarchical Feature Extraction, 2011). A stride need not divide the
// image: the decoder goes back through the encoder's sizes.
type conv struct{ config Config }

// Config returns the resolved configuration.
func (m conv) Config() Config { return m.config }

// On declares weight and bias of each convolution and dense layer, named as the
// layers above are counted: encoder.0.weight [kh kw in out], and of a transposed
// convolution decoder.3.weight [kh kw out in].
func (m conv) On(b *graph.Builder) Net { return newAutoencoder(b, m.config, convBody(m.config)) }

// convBody returns the convolutions of Blocks, and the way back.
func convBody(c Config) body {
	init := c.initializer()
	var layers body
	sizes := [][2]int{{c.Image[0], c.Image[1]}} // of the image in front of each block, and behind the last
	for i, block := range c.Blocks {
		layers.encoder = append(layers.encoder, c.down(block)...)
		var next [2]int
		for axis, n := range sizes[i] {
			next[axis] = (n + block.Stride - 1) / block.Stride
		}
		sizes = append(sizes, next)
	}
	layers.encoder = append(layers.encoder, Flatten{})

	h, w, channels := sizes[len(c.Blocks)][0], sizes[len(c.Blocks)][1], c.Blocks[len(c.Blocks)-1].Filters
	layers.decoder = Serial{Dense{Units: h * w * channels, Init: init}, activation(c.Activation), Reshape{To: kernels.Shape{h, w, channels}}}
	for i := len(c.Blocks) - 1; i >= 0; i-- {
		layers.decoder = append(layers.decoder, c.up(c.Blocks[i], sizes[i])...)
	}
	last := square(c.Blocks[0].Kernel)
	if c.Upsample == "transpose" {
		layers.decoder = append(layers.decoder, ConvTranspose2D{Filters: c.Image[2], Kernel: last, Pad: kernels.Same, Init: init})
	} else {
		layers.decoder = append(layers.decoder, Conv2D{Filters: c.Image[2], Kernel: last, Pad: kernels.Same, Init: init})
	}
	return layers
}

// down returns the layers of a block of the encoder.
func (c Config) down(block Block) Serial {
	layer := Conv2D{Filters: block.Filters, Kernel: square(block.Kernel), Stride: square(block.Stride), Pad: kernels.Same, Init: c.initializer()}
	if c.Downsample == "stride" || block.Stride == 1 {
		return c.hidden(layer, block.Filters)
	}
	layer.Stride = [2]int{}
	s := c.hidden(layer, block.Filters)
	if c.Downsample == "max" {
		return append(s, MaxPool2D{Kernel: square(block.Stride), Stride: square(block.Stride), Pad: kernels.Same})
	}
	return append(s, AvgPool2D{Kernel: square(block.Stride), Stride: square(block.Stride), Pad: kernels.Same})
}

// up returns the layers of the decoder that undo a block, back to its input's
// size.
func (c Config) up(block Block, size [2]int) Serial {
	if c.Upsample == "transpose" {
		return c.hidden(ConvTranspose2D{Filters: block.Filters, Kernel: square(block.Kernel), Stride: square(block.Stride),
			Pad: kernels.Same, Size: size, Init: c.initializer()}, block.Filters)
	}
	s := c.hidden(Conv2D{Filters: block.Filters, Kernel: square(block.Kernel), Pad: kernels.Same, Init: c.initializer()}, block.Filters)
	if block.Stride == 1 {
		return s
	}
	mode := kernels.Nearest
	if c.Upsample == "bilinear" {
		mode = kernels.Bilinear
	}
	return append(Serial{Upsample2D{Scale: square(block.Stride), Mode: mode}, Crop2D{Size: size}}, s...)
}

func square(n int) [2]int { return [2]int{n, n} }
