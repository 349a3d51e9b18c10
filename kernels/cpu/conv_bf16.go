package cpu

import "hourglass/kernels/cpu/internal/simd"

// imageWords returns how many words one image of the source takes.
func (v *correlation) imageWords() int { return v.src[1] * v.src[2] * v.channels }

// convert writes the box's rows of the source, whose first image is src, to
// their places in scratch, and returns that.
func (v *correlation) convert(scratch, src []float32, b box) []float32 {
	if b.images > 1 {
		return v.form.along(scratch, src)
	}
	from, to := v.sourceRows(b)
	row := v.src[2] * v.channels
	if from < to {
		v.form.along(scratch[from*row:], src[from*v.src[2]*v.src[3]:to*v.src[2]*v.src[3]])
	}
	return scratch[:v.imageWords()]
}

// sourceRows returns which rows of an image the rows of a box meet.
func (v *correlation) sourceRows(b box) (from, to int) {
	from = v.src[1]
	for i := range v.rows.spans {
		s := &v.rows.spans[i]
		if first, n := s.within(b.from, b.to); n > 0 && s.taps > 0 {
			from = min(from, s.start+first*s.step)
			to = max(to, s.start+(first+n-1)*s.step+s.taps)
		}
	}
	return from, to
}

// packPairs copies one tap [source channel]×[result channel] to its place at
// the pair at of a block.
func (v *correlation) packPairs(to, tap []float32, b *tapBlock, at int) {
	dstC := v.dst[3]
	for n := 0; n < dstC; n += v.panel {
		width := min(v.panel, dstC-n)
		panel := pairs(to[n*b.k+at*width:])
		for k := range v.channels {
			x := tap[2*k*dstC+n:]
			simd.PairRows(panel[k*width:][:width], x, x[dstC:], 0)
		}
	}
}
