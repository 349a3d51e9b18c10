package data

import "fmt"

// The sizes of the coloured set. Its images are small and of few kinds: more of
// them would teach a net nothing.
const (
	shapesTrain = 20000
	shapesTest  = 4000
	shapesSide  = 32
)

// shapes returns drawn scenes in colour: 32×32 pixels of red, green and blue,
// one to three figures in front of a sky and a ground. None is drawn yet but all
// labels are there, 0 … 5, the kind of the figure in front. Sample i depends on
// seed, split and i alone.
//
// A figure's kind decides its hue, and nothing its brightness. So a grey image
// tells the colours of what is in it to those who know the figures, and to
// nobody who looks at single pixels: a set to learn colorization by.
func shapes(seed uint64, split Split) *Dataset {
	n := shapesTrain
	if split == Test {
		n = shapesTest
	}
	d := &Dataset{
		Name: fmt.Sprintf("shapes:seed=%d %s", seed, split),
		N:    n, H: shapesSide, W: shapesSide, C: 3,
		Pixels: make([]byte, n*shapesSide*shapesSide*3),
		Labels: make([]uint8, n),
	}
	start := func(i int) random { return newRandom(seed, streamShapes, uint64(split)<<32|uint64(i)) }
	for i := range d.Labels {
		r := start(i)
		d.Labels[i] = uint8(r.below(len(figures)))
	}
	d.lazy = newLazy(n, func(i int) int { return i }, func(_ *pen, number int, dst []byte) {
		r := start(number)
		drawScene(dst, &r)
	})
	return d
}

// colour is red, green and blue in [0, 1].
type colour [3]float32

// luma is the brightness of Rec. ITU-R BT.601, which models see of a colour.
func (c colour) luma() float32 { return mul(0.299, c[0]) + mul(0.587, c[1]) + mul(0.114, c[2]) }

// mixed goes from c towards to by a part in [0, 1].
func (c colour) mixed(to colour, part float32) colour {
	for i := range c {
		c[i] += mul(part, to[i]-c[i])
	}
	return c
}

// lit is the colour at a luma: darkened towards black or lightened towards
// white.
func (c colour) lit(luma float32) colour {
	own := c.luma()
	if luma < own {
		return colour{}.mixed(c, luma/own)
	}
	return c.mixed(colour{1, 1, 1}, (luma-own)/(1-own))
}

// A figure is told by how deep a point lies within it, in units of its size, and
// has a colour of its own.
type figure struct {
	hue   colour
	depth func(x, y float32) float32
}

// figures lists the kinds, by label.
var figures = [6]figure{
	{colour{0.95, 0.75, 0.10}, func(x, y float32) float32 { return 1 - length(x, y) }},                              // disc
	{colour{0.55, 0.20, 0.80}, func(x, y float32) float32 { return 0.85 - max(size(x), size(y)) }},                  // square
	{colour{0.85, 0.15, 0.15}, triangleDepth},                                                                       // triangle
	{colour{0.10, 0.70, 0.65}, func(x, y float32) float32 { return 0.3 - size(length(x, y)-0.8) }},                  // ring
	{colour{0.90, 0.35, 0.70}, func(x, y float32) float32 { return max(barDepth(x, y, 0.3), barDepth(y, x, 0.3)) }}, // cross
	{colour{0.60, 0.40, 0.20}, func(x, y float32) float32 { return barDepth(x, y, 0.4) }},                           // bar
}

// size is the absolute value.
func size(v float32) float32 { return max(v, -v) }

// barDepth is that of a bar from −1 to 1 along x, of half the given thickness.
func barDepth(x, y, half float32) float32 { return min(1-size(x), half-size(y)) }

// triangleDepth is that of a triangle with all sides of one length.
func triangleDepth(x, y float32) float32 {
	const low, slope, across = 0.55, 0.5, 0.8660254
	return min(low-y, low+mul(slope, y)-mul(across, x), low+mul(slope, y)+mul(across, x))
}

// drawScene draws a random scene on the 32×32×3 bytes of dst. Its first random
// number is the figure in front, as the labels have it.
func drawScene(dst []byte, r *random) {
	front := r.below(len(figures))
	var scene [shapesSide * shapesSide]colour
	paintBackground(&scene, r)
	for range r.below(3) {
		paintFigure(&scene, r.below(len(figures)), r)
	}
	paintFigure(&scene, front, r)
	for i, c := range scene {
		for k, v := range c {
			dst[3*i+k] = byte(mul(min(max(v, 0), 1), 255) + 0.5)
		}
	}
}

// paintBackground paints a blue sky, brighter below, over a green ground, darker
// below.
func paintBackground(scene *[shapesSide * shapesSide]colour, r *random) {
	sky, ground := colour{0.25, 0.55, 0.95}, colour{0.25, 0.65, 0.20}
	horizon := r.uniform(10, 26)
	high, low := r.uniform(0.35, 0.8), r.uniform(0.25, 0.6)
	rise, fall := r.uniform(0, 0.01), r.uniform(0, 0.01)
	for i := range scene {
		y := float32(i/shapesSide) + 0.5
		above := sky.lit(high + mul(rise, y))
		below := ground.lit(low - mul(fall, y-horizon))
		scene[i] = above.mixed(below, min(max(y-horizon+0.5, 0), 1))
	}
}

// paintFigure paints a figure of a random place, size, turn and brightness.
func paintFigure(scene *[shapesSide * shapesSide]colour, kind int, r *random) {
	f := &figures[kind]
	radius := r.uniform(4.5, 9)
	cx, cy := r.uniform(6, shapesSide-6), r.uniform(6, shapesSide-6)
	// The turn by the angle whose half has this tangent, up to 90°.
	half := r.uniform(-1, 1)
	square := mul(half, half)
	cos, sin := (1-square)/(1+square), 2*half/(1+square)
	other := colour{r.uniform(0, 1), r.uniform(0, 1), r.uniform(0, 1)}
	paint := f.hue.mixed(other, 0.1).lit(r.uniform(0.2, 0.85))
	for i := range scene {
		x, y := float32(i%shapesSide)+0.5-cx, float32(i/shapesSide)+0.5-cy
		u, v := mul(cos, x)+mul(sin, y), mul(cos, y)-mul(sin, x)
		depth := mul(radius, f.depth(u/radius, v/radius))
		scene[i] = scene[i].mixed(paint, min(max(depth+0.5, 0), 1))
	}
}

// openShapes opens the coloured scenes that this package draws.
func openShapes(s *spec, split Split, _ Options) (Source, error) {
	seed := s.seed(builtinSeed)
	if s.err != nil {
		return nil, s.err
	}
	return shapes(seed, split), nil
}
