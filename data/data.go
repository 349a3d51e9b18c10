// Package data reads data sets, images and others, and hands them out in a
// reproducible order.
//
// A [Source] is N samples of H×W pixels with C channels, in NHWC order, with an
// optional label for each; a [Dataset] is one that lies in memory.
// [OpenSource] makes one from a short specification: files of many formats, or
// the digits that this package draws itself ("builtin"), which need no file at
// all. [Order] and [Batches] say which samples a training step sees.
//
// Everything random here is a function of a seed and an index: the same on
// every platform, Go version and number of cores.
package data

import "fmt"

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

// Dataset is N images, or samples of other numbers, in memory. The fields are
// for reading; the methods that return a Dataset never change the one they are
// called on.
type Dataset struct {
	// Name says where the images come from, e.g. "builtin:seed=1 train".
	Name string
	// N images of height H, width W and C channels.
	N, H, W, C int
	// Pixels holds N·H·W·C bytes: image, row, column, channel, the last fastest.
	// 0 stands for 0.0 and 255 for 1.0.
	Pixels []byte
	// Values holds as many numbers instead, where bytes are too coarse. One of
	// Pixels and Values is nil.
	Values []float32
	// Labels holds N classes, or is nil where a data set has none.
	Labels []uint8
	// Classes holds the names of the classes, or is nil where they have none.
	Classes []string
	// Low and High hold what 0 and 1 stand for, by channel, or are nil; see
	// [Info].
	Low, High []float32
	// Sound tells how windows of sound follow one another; see [Info].
	Sound Sound

	// lazy draws the samples that are not in Pixels yet; nil when all are.
	// Sample i of this data set is sample base+i of lazy.
	lazy *lazy
	base int
}

// SampleSize is the number of elements of one sample, H·W·C.
func (d *Dataset) SampleSize() int { return d.H * d.W * d.C }

// Image returns the H·W·C bytes of image i: a view into Pixels. It panics
// like an index expression if i is not in 0 … N-1, or if there are Values in
// their place.
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
	want, got, what := d.N*d.SampleSize(), len(d.Pixels), "bytes of pixels"
	if d.Values != nil {
		got, what = len(d.Values), "values"
	}
	if d.Values != nil && d.Pixels != nil {
		return fmt.Errorf("data: %s: want pixels or values, got both", d.Name)
	}
	if got != want {
		return fmt.Errorf("data: %s: shape [%d %d %d %d] wants %d %s, got %d", d.Name, d.N, d.H, d.W, d.C, want, what, got)
	}
	for i, v := range d.Values {
		if v-v != 0 {
			return fmt.Errorf("data: %s: sample %d holds %v, want finite numbers", d.Name, i/d.SampleSize(), v)
		}
	}
	if len(d.Low) != len(d.High) || d.Low != nil && len(d.Low) != d.C {
		return fmt.Errorf("data: %s: %d lows and %d highs, want one of each for all of %d channels, or none", d.Name, len(d.Low), len(d.High), d.C)
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
	if d.Values != nil {
		s.Values = d.Values[from*size : to*size : to*size]
	} else {
		s.Pixels = d.Pixels[from*size : to*size : to*size]
	}
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
	kept, held, err := divide(d.Name, d.N, fraction, seed)
	if err != nil {
		return nil, nil, err
	}
	return d.pick(kept), d.pick(held), nil
}

// pick copies the samples ids, in that order, to a new data set.
func (d *Dataset) pick(ids []int32) *Dataset {
	p := &Dataset{Name: d.Name, N: len(ids), H: d.H, W: d.W, C: d.C, Classes: d.Classes, Low: d.Low, High: d.High}
	if d.Labels != nil {
		p.Labels = pickLabels(d.Labels, ids)
	}
	size := d.SampleSize()
	if d.Values != nil {
		p.Values = make([]float32, p.N*size)
		for i, id := range ids {
			copy(p.Values[i*size:], d.row(int(id)))
		}
		return p
	}
	p.Pixels = make([]byte, p.N*size)
	if d.lazy != nil {
		d.pickLazy(p, ids)
		return p
	}
	for i, id := range ids {
		copy(p.Image(i), d.Image(int(id)))
	}
	return p
}

// row returns the values of sample i.
func (d *Dataset) row(i int) []float32 {
	size := d.SampleSize()
	return d.Values[i*size : (i+1)*size]
}
