package data

import "fmt"

// Binarized returns the images with every value v drawn once and for all: 255
// with probability v/255, else 0. That is how likelihoods of MNIST are compared
// (Salakhutdinov and Murray, On the Quantitative Analysis of Deep Belief
// Networks, 2008); of Values v it is the probability itself. The draw of an
// image is decided by the seed, the split and the image's place.
func (d *Dataset) Binarized(seed uint64, split Split) *Dataset {
	d.Load()
	b := *d
	b.Name, b.lazy, b.Pixels = "binary:"+d.Name, nil, make([]byte, d.N*d.SampleSize())
	b.Values, b.Low, b.High = nil, nil, nil
	for i := range d.N {
		if d.Values != nil {
			binarizeValues(b.Image(i), d.row(i), seed, split, i)
			continue
		}
		copy(b.Image(i), d.Image(i))
		binarize(b.Image(i), seed, split, i)
	}
	return &b
}

// binarize draws the bytes of image i of a split.
func binarize(image []byte, seed uint64, split Split, i int) {
	r := newRandom(seed, streamBinary, uint64(split)<<32|uint64(i))
	for k, v := range image {
		image[k] = 0
		// u < v/255 for the 24-bit fraction u, in whole numbers
		if uint64(r.next()>>8)*255 < uint64(v)<<24 {
			image[k] = 255
		}
	}
}

// binarizeValues does the same from numbers.
func binarizeValues(dst []byte, values []float32, seed uint64, split Split, i int) {
	r := newRandom(seed, streamBinary, uint64(split)<<32|uint64(i))
	for k, v := range values {
		if float32(r.next()>>8)*(1.0/(1<<24)) < v {
			dst[k] = 255
		}
	}
}

// binarySource is Binarized for any source whose samples are bytes.
func binarySource(s Source, seed uint64, split Split) (Source, error) {
	if d, ok := s.(*Dataset); ok {
		return d.Binarized(seed, split), nil
	}
	b, ok := Bytes(s)
	if !ok {
		return nil, fmt.Errorf("data: %s: want images of bytes to binarize, these are numbers that do not fit into memory", s.Info().Name)
	}
	info := s.Info()
	info.Name = "binary:" + info.Name
	return &binarized{b, info, seed, split}, nil
}

// binarized draws the bytes of another source's samples.
type binarized struct {
	source ByteSource
	info   Info
	seed   uint64
	split  Split
}

// Info describes the samples.
func (b *binarized) Info() Info { return b.info }

// ReadBytes draws samples; see [ByteSource].
func (b *binarized) ReadBytes(dst []byte, index []int32) error {
	if err := b.source.ReadBytes(dst, index); err != nil {
		return err
	}
	size := b.info.SampleSize()
	for k, i := range index {
		binarize(dst[k*size:][:size], b.seed, b.split, int(i))
	}
	return nil
}

// Read draws samples; see [Source].
func (b *binarized) Read(dst []float32, index []int32) error {
	return readScaled(b, dst, index)
}

// readScaled is Read of a ByteSource, by its ReadBytes.
func readScaled(s ByteSource, dst []float32, index []int32) error {
	raw := make([]byte, len(dst))
	if err := s.ReadBytes(raw, index); err != nil {
		return err
	}
	for i, v := range raw {
		dst[i] = float32(v) * unit
	}
	return nil
}
