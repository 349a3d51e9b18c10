package tasks

import "errors"

// A range coder writes yes-or-no decisions in as many bits as they surprise: it
// narrows an interval by each decision's probability and writes a number from
// within it (Martin, Range Encoding, 1979; with carries as in Schindler, A Fast
// Renormalisation for Arithmetic Coding, 1998).

// rangeEncoder appends to out. Its interval is [low, low+size).
type rangeEncoder struct {
	out  []byte
	low  uint64
	size uint32
	// A byte that a carry may still change, and how many of 0xFF follow it. There is
	// none in the beginning.
	held    byte
	pending int
	begun   bool
}

func newRangeEncoder() *rangeEncoder { return &rangeEncoder{size: 1<<32 - 1} }

// encode writes one decision by the probability that c has for it, and lets c
// learn.
func (e *rangeEncoder) encode(one bool, c *chance) {
	below := e.size >> 16 * uint32(c.zero)
	if one {
		e.low += uint64(below)
		e.size -= below
	} else {
		e.size = below
	}
	c.learn(one)
	for e.size < 1<<24 {
		e.size <<= 8
		e.shift()
	}
}

// shift moves the upper byte of low out.
func (e *rangeEncoder) shift() {
	carry := byte(e.low >> 32)
	top := byte(e.low >> 24)
	if carry == 0 && top == 0xFF {
		e.pending++
	} else {
		if e.begun {
			e.out = append(e.out, e.held+carry)
		}
		for ; e.pending > 0; e.pending-- {
			e.out = append(e.out, 0xFF+carry)
		}
		e.held, e.begun = top, true
	}
	e.low = e.low & 0xFFFFFF << 8
}

// end returns all bytes, complete.
func (e *rangeEncoder) end() []byte {
	for range 5 {
		e.shift()
	}
	return e.out
}

// errShort says that decisions were asked for that nobody wrote.
var errShort = errors.New("it ends too early")

// rangeDecoder reads what rangeEncoder wrote.
type rangeDecoder struct {
	in    []byte
	at    int
	value uint32 // the number less the lower end of the interval
	size  uint32
}

func newRangeDecoder(in []byte) *rangeDecoder {
	d := &rangeDecoder{in: in, size: 1<<32 - 1}
	for range 4 {
		d.value = d.value<<8 | uint32(d.next())
	}
	return d
}

// next returns the next byte, zeros behind the end.
func (d *rangeDecoder) next() byte {
	d.at++
	if d.at > len(d.in) {
		return 0
	}
	return d.in[d.at-1]
}

// decode reads one decision.
func (d *rangeDecoder) decode(c *chance) bool {
	below := d.size >> 16 * uint32(c.zero)
	one := d.value >= below
	if one {
		d.value -= below
		d.size -= below
	} else {
		d.size = below
	}
	c.learn(one)
	for d.size < 1<<24 {
		d.size <<= 8
		d.value = d.value<<8 | uint32(d.next())
	}
	return one
}

// err returns an error where more was read than there is.
func (d *rangeDecoder) err() error {
	if d.at > len(d.in) {
		return errShort
	}
	return nil
}

// chance is the probability that a decision is 0, learned from those before: the
// share of zeros as long as there are few, later a moving average.
type chance struct {
	zero uint16 // in 65536ths
	seen uint8  // decisions, up to the length of the average
}

const averageLength = 250

func (c *chance) learn(one bool) {
	if c.seen < averageLength {
		c.seen++
	}
	const surest = 48 // as near as a probability comes to 0 or 1
	// By 1/(n + 1) the share is Krichevsky and Trofimov's estimate, (zeros + ½)/(n + 1).
	step := func(apart int) int { return apart / (int(c.seen) + 1) }
	if one {
		c.zero = uint16(max(int(c.zero)-step(int(c.zero)), surest))
	} else {
		c.zero = uint16(min(int(c.zero)+step(1<<16-int(c.zero)), 1<<16-surest))
	}
}

// symbols is an adaptive model of numbers from 0 to count-1, by a binary tree of
// their bits, the highest first.
type symbols struct {
	count uint32
	bits  int
	tree  []chance
}

func newSymbols(count int) *symbols {
	s := &symbols{count: uint32(count)}
	for 1<<s.bits < count {
		s.bits++
	}
	s.tree = make([]chance, 1<<s.bits)
	for i := range s.tree {
		s.tree[i].zero = 1 << 15
	}
	return s
}

func (s *symbols) encode(e *rangeEncoder, v uint32) {
	node := uint32(1)
	for i := s.bits - 1; i >= 0; i-- {
		bit := v >> i & 1
		e.encode(bit == 1, &s.tree[node])
		node = node<<1 | bit
	}
}

// decode returns a number, which a damaged file may make too large.
func (s *symbols) decode(d *rangeDecoder) (uint32, bool) {
	node := uint32(1)
	for range s.bits {
		bit := uint32(0)
		if d.decode(&s.tree[node]) {
			bit = 1
		}
		node = node<<1 | bit
	}
	v := node - 1<<s.bits
	return v, v < s.count
}
