package simd

// MulAdds does nothing but independent multiply-adds on registers, n rounds of
// them, in the active tier, and returns how many floating-point operations that
// was, a multiply-add being two. Timed, it gives the peak of one core, against
// which kernels are measured.
func MulAdds(n int) (operations int) { return 2 * mulAdds(n) }

// mulAddsGeneric keeps more sums than additions and multiplications in flight
// need; they stay near 2.
func mulAddsGeneric(n int) int {
	x, y := sink*0.5, sink
	a, b, c, d, e, f, g, h := y, y, y, y, y, y, y, y
	for range n {
		a = a*x + y
		b = b*x + y
		c = c*x + y
		d = d*x + y
		e = e*x + y
		f = f*x + y
		g = g*x + y
		h = h*x + y
	}
	if a+b+c+d+e+f+g+h < 0 {
		sink++ // never, but the compiler cannot know
	}
	return n * 8
}

var sink float32 = 1
