package cpu

// preloadSize is the size of an array that pays to preload.
const preloadSize = 1 << 13

// preload touches an array that is large enough to pay.
func preload(x []float32) {
	if len(x) >= preloadSize {
		touch(x)
	}
}

// touch reads each cache line of x in order, which the processor's prefetchers
// follow, before a kernel meets them in an order that they do not. Inlined, it
// would be optimised away.
//
//go:noinline
func touch(x []float32) (sum float32) {
	var a, b, c, d float32 // four lines at a time: one addition waits for the one before
	for ; len(x) >= 4*vector; x = x[4*vector:] {
		a, b, c, d = a+x[0], b+x[vector], c+x[2*vector], d+x[3*vector]
	}
	for i := 0; i < len(x); i += vector {
		sum += x[i]
	}
	return sum + a + b + c + d
}
