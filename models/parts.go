package models

import "hourglass/kernels"

// A Part is a stack of a model's layers, as exporters see it. The variables of
// its layers are named behind Name, as in encoder.0.weight.
type Part struct {
	Name  string
	Layer Layer         // a Serial, or a single layer: the vae's mean
	In    kernels.Shape // without the axis of the batch
}

// Parts returns the stacks of layers that a model of this package is made of:
//
//	encoder, decoder                 of deterministic models; the encoder ends with the code
//	encoder, mean, logvar, decoder   of variational ones
//	encoder, decoder                 of the vqvae, with its codebook in between
//	…, head                          of a classifier of one of these, from code to logits
//
// The decoder ends in front of the output's activation. It returns nil for a Net
// of another package.
func Parts(n Net) []Part {
	switch n := n.(type) {
	case composedNet:
		return Parts(n.Net)
	case *classifierNet:
		return append(Parts(n.Net), n.top)
	case interface{ layers() []Part }:
		return n.layers()
	}
	return nil
}

// declare declares a stack of layers, and keeps it for Parts.
func (n *autoencoder) declare(name string, layer Layer, in kernels.Shape) (Apply, kernels.Shape) {
	n.parts = append(n.parts, Part{name, layer, in})
	return declare(n.b, name, layer, in)
}

func (n *autoencoder) layers() []Part { return n.parts }
