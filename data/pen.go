package data

import "math"

// glyphSize is the side of a drawn image in pixels.
const glyphSize = 28

// spanSteps is the number of straight pieces that a curve makes between two
// points of a skeleton. Five keep the corners of the polygon invisible at this
// size: a piece is about a pixel long.
const spanSteps = 5

// pen draws strokes on one image. It is scratch memory: a pen draws any number
// of images, one after the other.
type pen struct {
	knots  []point
	line   []point   // the strokes as polygons, one after the other
	ends   []int     // where each stroke ends in line
	reach  []float32 // per vertex of line: radius of the stroke there, in pixels
	inside [glyphSize * glyphSize]float32
}

// nowhere is the depth of a pixel that no stroke comes near.
const nowhere = -1e9

// curve appends to line the Catmull-Rom curve through p. Its ends and the
// corners, given as repeated points, have one-sided tangents.
func (p *pen) curve(knots []point) {
	from := 0
	for i := 1; i <= len(knots); i++ {
		if i == len(knots) || knots[i] == knots[i-1] {
			p.smooth(knots[from:i])
			from = i
		}
	}
	p.ends = append(p.ends, len(p.line))
}

// smooth appends a curve without corners.
func (p *pen) smooth(k []point) {
	for i := 0; i+1 < len(k); i++ {
		before, a, b, after := k[max(i-1, 0)], k[i], k[i+1], k[min(i+2, len(k)-1)]
		for s := range spanSteps {
			w := &catmullRom[s]
			p.line = append(p.line, point{
				mul(w[0], before.x) + mul(w[1], a.x) + mul(w[2], b.x) + mul(w[3], after.x),
				mul(w[0], before.y) + mul(w[1], a.y) + mul(w[2], b.y) + mul(w[3], after.y),
			})
		}
	}
	p.line = append(p.line, k[len(k)-1])
}

// catmullRom[s] weighs the four points round a span at the fraction
// s/spanSteps of it (Catmull and Rom, "A class of local interpolating splines",
// 1974).
var catmullRom = func() (w [spanSteps][4]float32) {
	for s := range w {
		// Integers over 2·spanSteps³ have one rounding each.
		const n = spanSteps
		d := float32(2 * n * n * n)
		w[s] = [4]float32{
			float32(-s*s*s+2*s*s*n-s*n*n) / d,
			float32(3*s*s*s-5*s*s*n+2*n*n*n) / d,
			float32(-3*s*s*s+4*s*s*n+s*n*n) / d,
			float32(s*s*s-s*s*n) / d,
		}
	}
	return w
}()

// trace fills inside with how deep each pixel's centre lies in the stroke, in
// pixels: the radius there less the distance to the middle line. Depths below
// -margin may be given as nowhere.
func (p *pen) trace(margin float32) {
	for i := range p.inside {
		p.inside[i] = nowhere
	}
	from := 0
	for _, end := range p.ends {
		for i := from; i+1 < end; i++ {
			p.piece(p.line[i], p.line[i+1], p.reach[i], p.reach[i+1], margin)
		}
		from = end
	}
}

// piece enters the straight piece from a to b with radii ra and rb.
func (p *pen) piece(a, b point, ra, rb, margin float32) {
	dx, dy := b.x-a.x, b.y-a.y
	length2 := mul(dx, dx) + mul(dy, dy)
	scale := float32(0)
	if length2 > 1e-6 {
		scale = 1 / length2
	}
	far := max(ra, rb) + margin
	x0, x1 := pixelRange(min(a.x, b.x)-far, max(a.x, b.x)+far)
	y0, y1 := pixelRange(min(a.y, b.y)-far, max(a.y, b.y)+far)
	for y := y0; y < y1; y++ {
		row := p.inside[y*glyphSize : y*glyphSize+glyphSize]
		py := float32(y) + 0.5 - a.y
		for x := x0; x < x1; x++ {
			px := float32(x) + 0.5 - a.x
			t := min(max(mul(mul(px, dx)+mul(py, dy), scale), 0), 1)
			ex, ey := px-mul(t, dx), py-mul(t, dy)
			row[x] = max(row[x], ra+mul(t, rb-ra)-length(ex, ey))
		}
	}
}

// length is that of the vector (x, y). IEEE 754 fixes every bit of a square root.
func length(x, y float32) float32 {
	return float32(math.Sqrt(float64(mul(x, x) + mul(y, y))))
}

// pixelRange is the range of pixels whose centres lie between low and high,
// within the image.
func pixelRange(low, high float32) (from, to int) {
	return max(int(low+0.5), 0), min(int(max(high+0.5, 0)), glyphSize)
}

// ink writes the traced image: full ink where the pixel lies deeper than
// soft/2 in the stroke, none where it lies more than soft/2 outside, and a
// smooth step between.
func (p *pen) ink(dst []byte, ink, soft float32) {
	for i, depth := range p.inside {
		t := min(max(depth/soft+0.5, 0), 1)
		cover := mul(mul(t, t), 3-mul(2, t))
		dst[i] = byte(mul(cover, ink) + 0.5)
	}
}
