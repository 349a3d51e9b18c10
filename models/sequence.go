package models

import (
	"fmt"

	"hourglass/graph"
)

// sequence is the convolutional autoencoder of windows of a time series or of
// sound: images [1 T C] of one row, T steps of C channels. It is conv with
// kernels and strides of one row, so that all its convolutions are of one
// dimension, along time:
//
//	1×T×C → 1×⌈T/2⌉×32 → 1×⌈T/4⌉×64 → z → … → 1×T×C
//
// With a corruption of its input it is a denoiser of signals. The same layers
// are the network sequence of vae, iwae and wae: a variational autoencoder of
// windows, whose ELBO scores anomalies.
type sequence struct{ config Config }

// Config returns the resolved configuration.
func (m sequence) Config() Config { return m.config }

// On declares the variables as conv does, with filters [1 k in out].
func (m sequence) On(b *graph.Builder) Net { return newAutoencoder(b, m.config, m.config.body()) }

// checkSequence checks the shape of windows.
func (c Config) checkSequence() error {
	if c.isSequence() && c.Image[0] != 1 {
		return fmt.Errorf("image %d×%d×%d: want 1 row, as sequences are windows [1 T C] of T steps and C channels",
			c.Image[0], c.Image[1], c.Image[2])
	}
	return nil
}
