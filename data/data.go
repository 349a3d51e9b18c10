// Package data holds image data sets in memory and hands them out in a
// reproducible order.
//
// A [Dataset] is N images of H×W pixels with C channels, stored as bytes in
// NHWC order, with an optional label for each. [Open] makes one from a short
// specification: the IDX files of MNIST, or the digits that this package draws
// itself ("builtin"), which need no file at all. [Order] and [Batches] say which
// samples a training step sees.
//
// Everything random here is a function of a seed and an index: the same on
// every platform, Go version and number of cores.
package data

import (
	"fmt"
	"math"
	"slices"
)

// Split names one of the two parts a data set is published in.
type Split int

// The two parts. Train is the zero value.
const (
	Train Split = iota
	Test
)

// String returns "train" or "test".
func (s Split) String() string {
	switch s {
	case Train:
		return "train"
	case Test:
		return "test"
	}
	return fmt.Sprintf("Split(%d)", int(s))
}

// Dataset is N images in memory. Pixel value 0 stands for 0.0 and 255 for 1.0.
// The fields are for reading; the methods that return a Dataset never change
// the one they are called on.
type Dataset struct {
	// Name says where the images come from, e.g. "builtin:seed=1 train".
	Name string
	// N images of height H, width W and C channels.
	N, H, W, C int
	// Pixels holds N·H·W·C bytes: image, row, column, channel, the last fastest.
	Pixels []byte
	// Labels holds N classes, or is nil where a data set has none.
	Labels []uint8

	// lazy draws the samples that are not in Pixels yet; nil when all are.
	// Sample i of this data set is sample base+i of lazy.
	lazy *lazy
	base int
}

// SampleSize is the number of bytes of one image, H·W·C.
func (d *Dataset) SampleSize() int { return d.H * d.W * d.C }

// Image returns the H·W·C bytes of image i: a view into Pixels. It panics
// like an index expression if i is not in 0 … N-1.
func (d *Dataset) Image(i int) []byte {
	size := d.SampleSize()
	return d.Pixels[i*size : (i+1)*size : (i+1)*size]
}

// Validate reports the first field that contradicts the others.
func (d *Dataset) Validate() error {
	if d.N < 0 || d.H < 1 || d.W < 1 || d.C < 1 {
		return fmt.Errorf("data: %s: want a shape of N ≥ 0 and H, W, C ≥ 1, got [%d %d %d %d]",
			d.Name, d.N, d.H, d.W, d.C)
	}
	if want := d.N * d.SampleSize(); len(d.Pixels) != want {
		return fmt.Errorf("data: %s: shape [%d %d %d %d] wants %d bytes of pixels, got %d",
			d.Name, d.N, d.H, d.W, d.C, want, len(d.Pixels))
	}
	if d.Labels != nil && len(d.Labels) != d.N {
		return fmt.Errorf("data: %s: %d images want as many labels, got %d", d.Name, d.N, len(d.Labels))
	}
	return nil
}

// Slice returns images from … to-1 as a data set that shares their memory.
func (d *Dataset) Slice(from, to int) (*Dataset, error) {
	if from < 0 || to < from || to > d.N {
		return nil, fmt.Errorf("data: %s: want a range within its %d images, got %d to %d", d.Name, d.N, from, to)
	}
	s := *d
	size := d.SampleSize()
	s.N = to - from
	s.Pixels = d.Pixels[from*size : to*size : to*size]
	if d.Labels != nil {
		s.Labels = d.Labels[from:to:to]
	}
	s.base = d.base + from
	return &s, nil
}

// Limit returns the first n images, or all where there are no more than n.
func (d *Dataset) Limit(n int) (*Dataset, error) {
	if n < 1 {
		return nil, fmt.Errorf("data: %s: want a limit of at least 1 image, got %d", d.Name, n)
	}
	return d.Slice(0, min(n, d.N))
}

// Split divides the data set at random into a training and a validation part;
// fraction, in [0, 1), is the validation part's share, rounded to whole images.
// The same seed gives the same division. Each part keeps the original order of
// its images and has its own memory; of a data set from [OpenLazy] it takes over
// what is drawn and draws the rest by itself. It is an error if rounding would
// leave no training image.
func (d *Dataset) Split(fraction float64, seed uint64) (train, validation *Dataset, err error) {
	if !(fraction >= 0 && fraction < 1) {
		return nil, nil, fmt.Errorf("data: %s: want a validation fraction in [0, 1), got %v", d.Name, fraction)
	}
	held := int(math.Round(fraction * float64(d.N)))
	if held == d.N {
		return nil, nil, fmt.Errorf("data: %s: a validation fraction of %v leaves none of %d images for training; use a smaller one",
			d.Name, fraction, d.N)
	}
	ids := make([]int32, d.N)
	permute(ids, newRandom(seed, streamSplit, 0))
	slices.Sort(ids[:held])
	slices.Sort(ids[held:])
	return d.pick(ids[held:]), d.pick(ids[:held]), nil
}

// pick copies the samples ids, in that order, to a new data set.
func (d *Dataset) pick(ids []int32) *Dataset {
	p := &Dataset{Name: d.Name, N: len(ids), H: d.H, W: d.W, C: d.C}
	p.Pixels = make([]byte, p.N*p.SampleSize())
	if d.Labels != nil {
		p.Labels = make([]uint8, p.N)
		for i, id := range ids {
			p.Labels[i] = d.Labels[id]
		}
	}
	if d.lazy != nil {
		d.pickLazy(p, ids)
		return p
	}
	for i, id := range ids {
		copy(p.Image(i), d.Image(int(id)))
	}
	return p
}
