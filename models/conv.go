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
func (m conv) On(b *graph.Builder) Net { return newAutoencoder(b, m.config, m.config.body()) }

// convBody returns the convolutions of Blocks, and the way back.
func convBody(c Config) body {
	down, sizes := c.downs()
	h, w, channels := sizes[len(c.Blocks)][0], sizes[len(c.Blocks)][1], c.Blocks[len(c.Blocks)-1].Filters
	start := Serial{Dense{Units: h * w * channels, Init: c.initializer()}, activation(c.Activation), Reshape{To: kernels.Shape{h, w, channels}}}
	return body{encoder: append(down, Flatten{}), decoder: append(start, c.ups(sizes)...)}
}

// downs returns the layers of all blocks, and the sizes of the image in front of
// each and behind the last.
func (c Config) downs() (layers Serial, sizes [][2]int) {
	layers, sizes = c.view(), [][2]int{{c.Image[0], c.Image[1]}}
	for i, block := range c.Blocks {
		layers = append(layers, c.down(block)...)
		stride, next := c.window(block.Stride), [2]int{}
		for axis, n := range sizes[i] {
			next[axis] = (n + stride[axis] - 1) / stride[axis]
		}
		sizes = append(sizes, next)
	}
	return layers, sizes
}

// ups returns the layers of the decoder from the last block's result to the
// image.
func (c Config) ups(sizes [][2]int) Serial {
	var layers Serial
	for i := len(c.Blocks) - 1; i >= 0; i-- {
		layers = append(layers, c.up(c.Blocks[i], sizes[i])...)
	}
	last, init := c.window(c.Blocks[0].Kernel), c.initializer()
	if c.Upsample == "transpose" {
		return append(layers, ConvTranspose2D{Filters: c.Image[2], Kernel: last, Pad: kernels.Same, Init: init})
	}
	return append(layers, Conv2D{Filters: c.Image[2], Kernel: last, Pad: kernels.Same, Init: init})
}

// down returns the layers of a block of the encoder.
func (c Config) down(block Block) Serial {
	kernel, stride := c.window(block.Kernel), c.window(block.Stride)
	layer := Conv2D{Filters: block.Filters, Kernel: kernel, Stride: stride, Pad: kernels.Same, Init: c.initializer()}
	if c.Downsample == "stride" || block.Stride == 1 {
		return c.hidden(layer, block.Filters)
	}
	layer.Stride = [2]int{}
	s := c.hidden(layer, block.Filters)
	if c.Downsample == "max" {
		return append(s, MaxPool2D{Kernel: stride, Stride: stride, Pad: kernels.Same})
	}
	return append(s, AvgPool2D{Kernel: stride, Stride: stride, Pad: kernels.Same})
}

// up returns the layers of the decoder that undo a block, back to its input's
// size, with what follows a hidden layer.
func (c Config) up(block Block, size [2]int) Serial {
	layers := c.upTo(block, block.Filters, size)
	last := len(layers) - 1
	return append(layers[:last:last], c.hidden(layers[last], block.Filters)...)
}

// upTo returns the bare layers that lead from a block's result to an image of
// its input's size and so many channels.
func (c Config) upTo(block Block, channels int, size [2]int) Serial {
	kernel, stride, init := c.window(block.Kernel), c.window(block.Stride), c.initializer()
	if c.Upsample == "transpose" {
		return Serial{ConvTranspose2D{Filters: channels, Kernel: kernel, Stride: stride, Pad: kernels.Same, Size: size, Init: init}}
	}
	convolution := Conv2D{Filters: channels, Kernel: kernel, Pad: kernels.Same, Init: init}
	if block.Stride == 1 {
		return Serial{convolution}
	}
	mode := kernels.Nearest
	if c.Upsample == "bilinear" {
		mode = kernels.Bilinear
	}
	return Serial{Upsample2D{Scale: stride, Mode: mode}, Crop2D{Size: size}, convolution}
}

// window returns the rows and columns of a kernel or stride: in sequences, which
// are images of one row, it has one row too.
func (c Config) window(n int) [2]int {
	if c.isSequence() {
		return [2]int{1, n}
	}
	return square(n)
}

func square(n int) [2]int { return [2]int{n, n} }
