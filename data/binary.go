package data

// Binarized returns the images with every value v drawn once and for all: 255
// with probability v/255, else 0. That is how likelihoods of MNIST are compared
// (Salakhutdinov and Murray, On the Quantitative Analysis of Deep Belief
// Networks, 2008). The draw of an image is decided by the seed, the split and
// the image's place.
func (d *Dataset) Binarized(seed uint64, split Split) *Dataset {
	d.Load()
	b := *d
	b.Name, b.lazy, b.Pixels = "binary:"+d.Name, nil, make([]byte, len(d.Pixels))
	for i := range d.N {
		r := newRandom(seed, streamBinary, uint64(split)<<32|uint64(i))
		to := b.Image(i)
		for k, v := range d.Image(i) {
			// u < v/255 for the 24-bit fraction u, in whole numbers
			if uint64(r.next()>>8)*255 < uint64(v)<<24 {
				to[k] = 255
			}
		}
	}
	return &b
}
