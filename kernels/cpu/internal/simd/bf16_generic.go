package simd

import "math"

func roundBF16Generic(dst, x []float32) {
	x = x[:len(dst)]
	for i := range dst {
		b := math.Float32bits(x[i])
		if b<<1-1<<24 < 254<<24 { // a normal number
			b = (b + 0x7FFF + b>>16&1) &^ 0xFFFF
		} else {
			b = uint32(BF16(x[i])) << 16
		}
		dst[i] = math.Float32frombits(b)
	}
}

// gemmRoundedGeneric adds the rows of B, weighted, to each row of C in turn.
func gemmRoundedGeneric(p *Product, c, a, b, bias []float32, taps []Tap) {
	for block := range p.lastBlock() + 1 {
		to, from := c[block*p.BlockC:], p.blockOf(a, block, taps)
		for m := range p.M {
			row := to[m*p.LDC:][:p.N]
			p.startRow(row, bias, taps)
			for _, t := range taps {
				for k := range p.K {
					addRow(row, from[t.A+m*p.RS+k*p.KS], b[t.B+k*p.LDB:])
				}
			}
			if p.Act == ReLU {
				rectify(row)
			}
		}
	}
}

// gemmPairsGeneric emulates VDPBF16PS.
func gemmPairsGeneric(p *Product, c []float32, a, b []Pair, bias []float32, taps []Tap) {
	for block := range p.lastBlock() + 1 {
		for m := range p.M {
			row := c[block*p.BlockC+m*p.LDC:][:p.N]
			p.startRow(row, bias, taps)
			for _, t := range taps {
				for k := range p.K {
					x := a[t.A+block*p.BlockA+m*p.RS+k*p.KS]
					for n, y := range b[t.B+k*p.LDB:][:p.N] {
						sum := mulAddFlush(row[n], upper(x), upper(y))
						row[n] = mulAddFlush(sum, lower(x), lower(y))
					}
				}
			}
			if p.Act == ReLU {
				rectify(row)
			}
		}
	}
}

func upper(x Pair) float32 { return math.Float32frombits(x &^ 0xFFFF) }

func lower(x Pair) float32 { return math.Float32frombits(x << 16) }

// startRow sets a row of C to its initial values. Where products will be added
// these count as zero if they are subnormal.
func (p *Product) startRow(row, bias []float32, taps []Tap) {
	switch p.Init {
	case Overwrite:
		clear(row)
	case Bias:
		copy(row, bias)
	}
	if len(taps) > 0 {
		for i, x := range row {
			row[i] = flushed(x)
		}
	}
}

func addRow(row []float32, x float32, b []float32) {
	b = b[:len(row)]
	for n, y := range b {
		sum := row[n]
		product := float32(x * y)
		next := sum + product
		if !plain(product) && x != 0 && y != 0 || !plain(next) {
			next = mulAddFlush(sum, x, y)
		}
		row[n] = next
	}
}

// plain reports whether x is a finite number far enough from the subnormal
// ones. The product of two bfloat16 is exact then, so that adding it rounds
// once, as a multiply-add does.
func plain(x float32) bool { return math.Float32bits(x)<<1-2<<24 < 252<<24 }

// mulAddFlush returns sum + x·y of bfloat16 x and y, rounded once, with
// subnormal operands and results taken for zero.
func mulAddFlush(sum, x, y float32) float32 {
	s, p := float64(flushed(sum)), float64(flushed(x))*float64(flushed(y))
	total := s + p
	if total-total != 0 || total == 0 {
		return float32(total) // NaN, infinite or zero
	}
	// What the sum of float64 lost must not turn a number near the middle of
	// two float32 into the middle itself: such a sum is made odd, which float32
	// has bits to spare for. The loss is Knuth's two-sum, 1969.
	virtual := total - s
	if lost := (s - (total - virtual)) + (p - virtual); lost != 0 {
		if bits := math.Float64bits(total); bits&1 == 0 {
			if (lost > 0) == (total > 0) {
				bits++
			} else {
				bits--
			}
			total = math.Float64frombits(bits)
		}
	}
	// A result is subnormal if it would be with exponents of any size: the
	// number just below the least normal one has a bit more to round to.
	if abs := math.Abs(total); abs < 0x1p-126 && float64(float32(abs*0x1p64)) < 0x1p-62 {
		return float32(math.Copysign(0, total))
	}
	return float32(total)
}

// flushed returns x, or zero of its sign if x is subnormal.
func flushed(x float32) float32 {
	if b := math.Float32bits(x); b>>23&0xFF == 0 {
		return math.Float32frombits(b & (1 << 31))
	}
	return x
}
