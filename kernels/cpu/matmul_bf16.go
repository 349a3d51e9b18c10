package cpu

import "hourglass/kernels/cpu/internal/simd"

// bf16 is what method float32 is, with products of bfloat16. The workspace holds
// the right matrix, packed, and the left one, where both are converted once.
func (p *product2D) bf16() kernel {
	if p.form == byNarrow { // what is converted may as well be transposed
		p.form = byDots
	}
	p.in = formOf(p.form == byColumns)
	p.words = p.in.words(p.k)
	p.packed = p.form != transposed
	right, left := p.words*p.n, p.words*p.m
	rightTasks, leftTasks := pieces(right, grainElements), pieces(left, grainElements)
	k := kernel{workspace: right + left, setup: 1, scratch: p.scratch()}
	if p.in == inPairs && p.transB {
		k.scratch = max(k.scratch, p.panel*p.words)
	}
	k.phases = []phase{
		{rightTasks, func(c *call, task int, scratch []float32) {
			p.convertRight(c.work, p.right(c), task, rightTasks, scratch)
		}},
		{leftTasks, func(c *call, task int, _ []float32) {
			p.convertLeft(c.work[right:], p.left(c), task, leftTasks)
		}},
		{p.groups * p.blocks, p.run},
	}
	return k
}

// convertRight packs a share of the right matrix.
func (p *product2D) convertRight(to, b []float32, task, tasks int, scratch []float32) {
	switch {
	case p.form != byColumns && (p.form == transposed || p.transB): // as it lies
		i, end := split(p.k*p.n, tasks, task, 1)
		simd.RoundBF16(to[i:end], b[i:end])
	case p.in == rounded:
		p.pack(to, b, task, tasks)
		p.roundPacked(to, task, tasks)
	case p.transB:
		p.packPairsTransposed(to, b, task, tasks, scratch)
	default:
		p.packPairs(to, b, task, tasks)
	}
}

// roundPacked rounds what pack has copied.
func (p *product2D) roundPacked(to []float32, task, tasks int) {
	k0, k1 := split(p.k, tasks, task, 1)
	if p.form == byDots { // rows of k
		for n := range p.n {
			row := to[n*p.k:][k0:k1]
			simd.RoundBF16(row, row)
		}
		return
	}
	for n := 0; n < p.n; n += p.panel {
		width := min(p.panel, p.n-n)
		panel := to[n*p.k:][k0*width : k1*width]
		simd.RoundBF16(panel, panel)
	}
}

// packPairs pairs neighbouring rows of the right matrix, [K][N].
func (p *product2D) packPairs(to, b []float32, task, tasks int) {
	w0, w1 := split(p.words, tasks, task, 1)
	for n := 0; n < p.n; n += p.panel {
		width := min(p.panel, p.n-n)
		for w := w0; w < w1; w++ {
			pairRow(to[n*p.words+w*width:][:width], b[n:], 2*w, p.k, p.n, 0)
		}
	}
}

// pairRow pairs row k of a matrix with the next, or if it is the last of all
// rows with the bits pad.
func pairRow(to, x []float32, k, rows, ld int, pad uint16) {
	var next []float32
	if k+1 < rows {
		next = x[(k+1)*ld:]
	}
	simd.PairRows(pairs(to), x[k*ld:], next, pad)
}

// packPairsTransposed pairs neighbours in the rows of the right matrix, [N][K].
func (p *product2D) packPairsTransposed(to, b []float32, task, tasks int, scratch []float32) {
	w0, w1 := split(p.words, tasks, task, 1)
	count := w1 - w0
	for n := 0; n < p.n; n += p.panel {
		width := min(p.panel, p.n-n)
		for i := range width {
			row := b[(n+i)*p.k:][2*w0 : min(2*w1, p.k)]
			simd.PairNeighbours(pairs(scratch[i*count:][:count]), row, 0)
		}
		simd.Transpose(to[n*p.words+w0*width:], width, scratch, count, width, count)
	}
}

// convertLeft converts a share of the left matrix, [M][K] or [K][M].
func (p *product2D) convertLeft(to, a []float32, task, tasks int) {
	switch {
	case p.in == rounded:
		i, end := split(p.k*p.m, tasks, task, 1)
		simd.RoundBF16(to[i:end], a[i:end])
	case p.transA:
		w0, w1 := split(p.words, tasks, task, 1)
		for w := w0; w < w1; w++ {
			pairRow(to[w*p.m:][:p.m], a, 2*w, p.k, p.m, simd.Pad)
		}
	default:
		m0, m1 := split(p.m, tasks, task, 1)
		for m := m0; m < m1; m++ {
			simd.PairNeighbours(pairs(to[m*p.words:][:p.words]), a[m*p.k:][:p.k], simd.Pad)
		}
	}
}
