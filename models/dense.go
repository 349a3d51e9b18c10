package models

import "hourglass/graph"

// dense is the fully connected autoencoder: with z the Latent,
//
//	encoder  Flatten, (Dense, activation) for each of Hidden, Dense z, code activation
//	decoder  (Dense, activation) for each of Hidden reversed, Dense H·W·C, output, Reshape
//
// By default 784-128-32-128-784 with ReLU, on the code too, and a sigmoid at the
// end. It minimises the mean over all pixels of a loss of the reconstruction,
// the squared error by default (Hinton and Salakhutdinov, Reducing the
// Dimensionality of Data with Neural Networks, 2006). Without hidden layers and
// activations, its code spans the subspace of the first z principal components
// (Baldi and Hornik, Neural Networks and Principal Component Analysis, 1989).
type dense struct{ config Config }

// Config returns the resolved configuration.
func (m dense) Config() Config { return m.config }

// On declares encoder.I.weight [in, out] and encoder.I.bias [out] for each dense
// layer I of the encoder, and the same of the decoder.
func (m dense) On(b *graph.Builder) Net { return newAutoencoder(b, m.config, m.config.body()) }

// body is the layers of an autoencoder but for those that make the code.
type body struct {
	encoder Serial // from the image to features [K]
	decoder Serial // from the code to the image, without the output's activation
}

// view returns the layers that make of the image what the encoder may see.
func (c Config) view() Serial {
	if c.Colorize {
		return Serial{Luma{}}
	}
	return nil
}

// denseBody returns dense layers of the widths Hidden.
func denseBody(c Config) body {
	init := c.initializer()
	layers := body{encoder: append(c.view(), Flatten{})}
	for _, width := range c.Hidden {
		layers.encoder = append(layers.encoder, c.hidden(Dense{Units: width, Init: init}, width)...)
	}
	for i := len(c.Hidden) - 1; i >= 0; i-- {
		width := c.Hidden[i]
		layers.decoder = append(layers.decoder, c.hidden(Dense{Units: width, Init: init}, width)...)
	}
	layers.decoder = append(layers.decoder, Dense{Units: c.shape().Size(), Init: init}, Reshape{To: c.shape()})
	return layers
}
