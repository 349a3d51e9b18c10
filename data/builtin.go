package data

import "fmt"

// The sizes of the built-in set are MNIST's.
const (
	builtinTrain = 60000
	builtinTest  = 10000
)

// builtin returns the drawn digits of a split, none of them drawn yet but all
// labels there: 28×28 pixels, one channel, white ink on black, labels 0 … 9.
// Sample i depends on seed, split and i alone.
func builtin(seed uint64, split Split) *Dataset {
	n, stream := builtinTrain, streamTrain
	if split == Test {
		n, stream = builtinTest, streamTest
	}
	d := &Dataset{
		Name: fmt.Sprintf("builtin:seed=%d %s", seed, split),
		N:    n, H: glyphSize, W: glyphSize, C: 1,
		Pixels: make([]byte, n*glyphSize*glyphSize),
		Labels: make([]uint8, n),
	}
	for i := range d.Labels {
		r := newRandom(seed, stream, uint64(i))
		d.Labels[i] = uint8(r.below(10))
	}
	d.lazy = newLazy(n, func(i int) int { return i }, func(p *pen, number int, dst []byte) {
		r := newRandom(seed, stream, uint64(number))
		p.digit(dst, &r)
	})
	return d
}

// digit draws a random digit on the 28×28 pixels of dst. Its first random
// number is the digit, as builtin's labels have it.
func (p *pen) digit(dst []byte, r *random) {
	form := pickForm(skeletons[r.below(10)], r)
	p.write(form, r)
	soft := r.uniform(0.9, 1.7)
	p.press(r)
	p.place(r, soft)
	p.trace(soft / 2)
	p.ink(dst, min(r.uniform(225, 345), 255), soft)
}

// pickForm draws one of a digit's forms by their weights.
func pickForm(forms []form, r *random) *form {
	total := 0
	for i := range forms {
		total += forms[i].weight
	}
	at := r.below(total)
	for i := range forms {
		if at -= forms[i].weight; at < 0 {
			return &forms[i]
		}
	}
	panic("data: weights of a digit's forms do not add up")
}

// write makes line the polygon of the form as one hand would write it this
// once: its points shaken, the whole bent, slanted and turned.
func (p *pen) write(f *form, r *random) {
	hand := newHand(r)
	p.line, p.ends = p.line[:0], p.ends[:0]
	for s, stroke := range f.strokes {
		p.knots = p.knots[:0]
		// A later stroke is set down a little beside its place.
		var offset, drift point
		if s > 0 {
			offset = point{mul(0.05, r.bell()), mul(0.05, r.bell())}
		}
		for i, k := range stroke {
			if i > 0 && k == stroke[i-1] {
				p.knots = append(p.knots, p.knots[i-1])
				continue
			}
			// Half of the last point's error stays in the hand. The ends of a
			// stroke vary more: nothing holds them.
			shake := float32(0.055)
			if i == 0 || i == len(stroke)-1 {
				shake = 0.1
			}
			drift.x = mul(0.5, drift.x) + mul(shake, r.bell())
			drift.y = mul(0.5, drift.y) + mul(shake, r.bell())
			p.knots = append(p.knots, hand.bend(point{k.x + offset.x + drift.x, k.y + offset.y + drift.y}))
		}
		p.curve(p.knots)
	}
}

// hand is a smooth map of the plane: an elastic part of second and third
// degree, then a linear part.
type hand struct {
	elastic        [2][6]float32
	xx, xy, yx, yy float32
}

func newHand(r *random) hand {
	var h hand
	// The third-degree terms move the waist of a digit less than its ends, so
	// they may be smaller.
	spread := [6]float32{0.14, 0.15, 0.11, 0.09, 0.10, 0.05}
	for axis := range h.elastic {
		for i := range h.elastic[axis] {
			h.elastic[axis][i] = mul(spread[i], r.bell())
		}
	}
	slant := mul(0.26, r.bell()) + 0.16
	turn := mul(0.10, r.bell())
	width := max(1.22+mul(0.25, r.bell()), 0.6)
	// The rotation by the angle whose half has the tangent turn/2.
	half := mul(turn, 0.5)
	square := mul(half, half)
	cos, sin := (1-square)/(1+square), turn/(1+square)
	h.xx, h.xy = mul(width, cos), -mul(slant, cos)-sin
	h.yx, h.yy = mul(width, sin), cos-mul(slant, sin)
	return h
}

func (h *hand) bend(p point) point {
	x, y := p.x, p.y
	terms := [6]float32{mul(x, x), mul(x, y), mul(y, y), mul(mul(x, x), y), mul(mul(x, y), y), mul(mul(y, y), y)}
	for i, t := range terms {
		x += mul(h.elastic[0][i], t)
		y += mul(h.elastic[1][i], t)
	}
	return point{mul(h.xx, x) + mul(h.xy, y), mul(h.yx, x) + mul(h.yy, y)}
}

// place scales the polygon to the size of MNIST's digits, about 20 pixels, and
// moves its centre of mass near the image's centre. Edges of the given softness
// stay clear of the border.
func (p *pen) place(r *random, soft float32) {
	low, high, mass := p.extent()
	span := max(high.y-low.y, high.x-low.x)
	scale := r.uniform(16, 19) / span
	const middle = glyphSize / 2
	x := middle - mul(mass.x, scale) + mul(0.6, r.bell())
	y := middle - mul(mass.y, scale) + mul(0.6, r.bell())
	// A lopsided digit is moved inwards. The widest one fits: at most 19 pixels
	// with an edge of 4.35 on both sides.
	var thickest float32
	for _, radius := range p.reach {
		thickest = max(thickest, radius)
	}
	edge := thickest + mul(0.5, soft) + 0.5
	x = min(max(x, edge-mul(low.x, scale)), glyphSize-edge-mul(high.x, scale))
	y = min(max(y, edge-mul(low.y, scale)), glyphSize-edge-mul(high.y, scale))
	for i, v := range p.line {
		p.line[i] = point{mul(v.x, scale) + x, mul(v.y, scale) + y}
	}
}

// extent returns the polygon's bounding box and its centre of mass.
func (p *pen) extent() (low, high, mass point) {
	low, high = p.line[0], p.line[0]
	var total float32
	from := 0
	for _, end := range p.ends {
		for i := from; i < end; i++ {
			v := p.line[i]
			low = point{min(low.x, v.x), min(low.y, v.y)}
			high = point{max(high.x, v.x), max(high.y, v.y)}
			if i+1 < end {
				next := p.line[i+1]
				weight := length(next.x-v.x, next.y-v.y)
				total += weight
				mass.x += mul(weight, mul(v.x+next.x, 0.5))
				mass.y += mul(weight, mul(v.y+next.y, 0.5))
			}
		}
		from = end
	}
	return low, high, point{mass.x / total, mass.y / total}
}

// press gives each vertex the stroke's radius there: the pen's own, more where
// it moves across its broad nib, less at the ends of a light hand.
func (p *pen) press(r *random) {
	radius := max(1.3+mul(0.32, r.bell()), 0.65)
	nibX, nibY := mul(0.12, r.bell()), mul(0.12, r.bell())
	swell := mul(0.12, r.bell())
	p.reach = p.reach[:0]
	from := 0
	for _, end := range p.ends {
		for i := from; i < end; i++ {
			a, b := p.line[max(i-1, from)], p.line[min(i+1, end-1)]
			dx, dy := b.x-a.x, b.y-a.y
			square := mul(dx, dx) + mul(dy, dy) + 1e-6
			// Cosine and sine of twice the direction's angle.
			cos2 := (mul(dx, dx) - mul(dy, dy)) / square
			sin2 := mul(2, mul(dx, dy)) / square
			t := float32(i-from) / float32(max(end-from-1, 1))
			pressure := 1 + mul(nibX, cos2) + mul(nibY, sin2) + mul(swell, mul(4, mul(t, 1-t))-0.5)
			p.reach = append(p.reach, min(max(mul(radius, pressure), 0.5), 3))
		}
		from = end
	}
}
