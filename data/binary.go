package data

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
