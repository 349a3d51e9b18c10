package simd

// The portable product works on tiles of 4×4 elements of C, held in local
// variables. Rows past M repeat the last one and are not stored.

func gemmGeneric(p *Product, c, a, b, bias []float32, taps []Tap) {
	for block := range p.lastBlock() + 1 {
		gemmBlock(p, c[block*p.BlockC:], p.blockOf(a, block, taps), b, bias, taps)
	}
}

func gemmBlock(p *Product, c, a, b, bias []float32, taps []Tap) {
	for m := 0; m < p.M; {
		rows := min(4, p.M-m)
		n := 0
		for ; n+4 <= p.N; n += 4 {
			if rows == 4 {
				tile4x4(p, m, n, c, a, b, bias, taps)
				continue
			}
			for i := range rows {
				tile1x4(p, m+i, n, c, a, b, bias, taps)
			}
		}
		for ; n < p.N; n++ {
			tile4x1(p, m, n, rows, c, a, b, bias, taps)
		}
		m += rows
	}
	if p.Act == ReLU {
		for m := range p.M {
			rectify(c[m*p.LDC:][:p.N])
		}
	}
}

// start4 returns the initial values of four neighbours of row m of C.
func (p *Product) start4(m, n int, c, bias []float32) (x0, x1, x2, x3 float32) {
	switch p.Init {
	case Accumulate:
		s := c[m*p.LDC+n:][:4]
		return s[0], s[1], s[2], s[3]
	case Bias:
		s := bias[n:][:4]
		return s[0], s[1], s[2], s[3]
	}
	return 0, 0, 0, 0
}

func tile4x4(p *Product, m, n int, c, a, b, bias []float32, taps []Tap) {
	c00, c01, c02, c03 := p.start4(m, n, c, bias)
	c10, c11, c12, c13 := p.start4(m+1, n, c, bias)
	c20, c21, c22, c23 := p.start4(m+2, n, c, bias)
	c30, c31, c32, c33 := p.start4(m+3, n, c, bias)
	rs, ks, ldb := p.RS, p.KS, p.LDB
	for _, t := range taps {
		i, j := t.A+m*rs, t.B+n
		for range p.K {
			r := b[j:][:4]
			b0, b1, b2, b3 := r[0], r[1], r[2], r[3]
			x := a[i]
			c00 += x * b0
			c01 += x * b1
			c02 += x * b2
			c03 += x * b3
			x = a[i+rs]
			c10 += x * b0
			c11 += x * b1
			c12 += x * b2
			c13 += x * b3
			x = a[i+2*rs]
			c20 += x * b0
			c21 += x * b1
			c22 += x * b2
			c23 += x * b3
			x = a[i+3*rs]
			c30 += x * b0
			c31 += x * b1
			c32 += x * b2
			c33 += x * b3
			i += ks
			j += ldb
		}
	}
	store4(c[m*p.LDC+n:], c00, c01, c02, c03)
	store4(c[(m+1)*p.LDC+n:], c10, c11, c12, c13)
	store4(c[(m+2)*p.LDC+n:], c20, c21, c22, c23)
	store4(c[(m+3)*p.LDC+n:], c30, c31, c32, c33)
}

func tile1x4(p *Product, m, n int, c, a, b, bias []float32, taps []Tap) {
	c0, c1, c2, c3 := p.start4(m, n, c, bias)
	for _, t := range taps {
		i, j := t.A+m*p.RS, t.B+n
		for range p.K {
			r := b[j:][:4]
			x := a[i]
			c0 += x * r[0]
			c1 += x * r[1]
			c2 += x * r[2]
			c3 += x * r[3]
			i += p.KS
			j += p.LDB
		}
	}
	store4(c[m*p.LDC+n:], c0, c1, c2, c3)
}

// tile4x1 computes rows ≤ 4 elements of column n.
func tile4x1(p *Product, m, n, rows int, c, a, b, bias []float32, taps []Tap) {
	var s [4]float32
	for i := range rows {
		s[i] = p.start1(m+i, n, c, bias)
	}
	r1, r2, r3 := min(1, rows-1)*p.RS, min(2, rows-1)*p.RS, min(3, rows-1)*p.RS
	c0, c1, c2, c3 := s[0], s[1], s[2], s[3]
	for _, t := range taps {
		i, j := t.A+m*p.RS, t.B+n
		for range p.K {
			x := b[j]
			c0 += a[i] * x
			c1 += a[i+r1] * x
			c2 += a[i+r2] * x
			c3 += a[i+r3] * x
			i += p.KS
			j += p.LDB
		}
	}
	s = [4]float32{c0, c1, c2, c3}
	for i := range rows {
		c[(m+i)*p.LDC+n] = s[i]
	}
}

// start1 returns the initial value of one element of C.
func (p *Product) start1(m, n int, c, bias []float32) float32 {
	switch p.Init {
	case Accumulate:
		return c[m*p.LDC+n]
	case Bias:
		return bias[n]
	}
	return 0
}

func store4(s []float32, x0, x1, x2, x3 float32) {
	s = s[:4]
	s[0], s[1], s[2], s[3] = x0, x1, x2, x3
}

func dotGeneric(p *Product, c, a, b, bias []float32, taps []Tap) {
	for block := range p.lastBlock() + 1 {
		dotBlock(p, c[block*p.BlockC:], p.blockOf(a, block, taps), b, bias, taps)
	}
}

// blockOf returns A from a block on.
func (p *Product) blockOf(a []float32, block int, taps []Tap) []float32 {
	if len(taps) == 0 {
		return nil // there may be no A
	}
	return a[block*p.BlockA:]
}

// dotBlock uses four partial sums, enough to hide the latency of an addition.
func dotBlock(p *Product, c, a, b, bias []float32, taps []Tap) {
	for m := range p.M {
		for n := range p.N {
			var s0, s1, s2, s3 float32
			for _, t := range taps {
				x := a[t.A+m*p.RS:][:p.K]
				y := b[t.B+n*p.LDB:][:p.K]
				for len(x) >= 4 && len(y) >= 4 {
					s0 += x[0] * y[0]
					s1 += x[1] * y[1]
					s2 += x[2] * y[2]
					s3 += x[3] * y[3]
					x, y = x[4:], y[4:]
				}
				for i := range x {
					s0 += x[i] * y[i]
				}
			}
			c[m*p.LDC+n] = p.start1(m, n, c, bias) + ((s0 + s1) + (s2 + s3))
		}
		if p.Act == ReLU {
			rectify(c[m*p.LDC:][:p.N])
		}
	}
}

// rectify keeps NaN: a comparison with NaN is false.
func rectify(x []float32) {
	for i, v := range x {
		if v < 0 {
			x[i] = 0
		}
	}
}
