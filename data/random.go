package data

import "math/bits"

// philox is one block of Philox4x32-10 (Salmon, Moraes, Dror and Shaw,
// "Parallel random numbers: as easy as 1, 2, 3", SC 2011): four 32-bit words
// that depend on the counter and the key alone.
func philox(counter [4]uint32, key uint64) [4]uint32 {
	k0, k1 := uint32(key), uint32(key>>32)
	for round := 0; round < 10; round++ {
		hi0, lo0 := bits.Mul32(0xD2511F53, counter[0])
		hi1, lo1 := bits.Mul32(0xCD9E8D57, counter[2])
		counter = [4]uint32{hi1 ^ counter[1] ^ k0, lo1, hi0 ^ counter[3] ^ k1, lo0}
		k0 += 0x9E3779B9
		k1 += 0xBB67AE85
	}
	return counter
}

// The streams keep the draws of different purposes apart under one seed.
const (
	streamTrain uint32 = iota
	streamTest
	streamOrder
	streamSplit
	streamSeries
	streamBinary
	streamShapes
)

// random is a sequence of Philox words. Its place in the key space is (seed,
// stream, index), so a sequence needs nothing from the ones before it.
type random struct {
	key     uint64
	counter [4]uint32
	words   [4]uint32
	left    int
}

// newRandom starts the sequence number index of a stream.
func newRandom(seed uint64, stream uint32, index uint64) random {
	return random{key: seed, counter: [4]uint32{0, stream, uint32(index), uint32(index >> 32)}}
}

func (r *random) next() uint32 {
	if r.left == 0 {
		r.words = philox(r.counter, r.key)
		r.counter[0]++
		r.left = 4
	}
	r.left--
	return r.words[r.left]
}

// below is uniform on 0 … n-1. The 64-bit product leaves a bias of n/2⁶⁴,
// which is why nothing is rejected and every call takes exactly two words.
func (r *random) below(n int) int {
	high := uint64(r.next())
	hi, _ := bits.Mul64(high<<32|uint64(r.next()), uint64(n))
	return int(hi)
}

// uniform is uniform on [low, high), in steps of 2⁻²⁴ of the range.
func (r *random) uniform(low, high float32) float32 {
	return low + mul(high-low, float32(r.next()>>8)*(1.0/(1<<24)))
}

// bell is nearly normal with mean 0 and variance 1, and never beyond ±3.47:
// the sum of four uniform 16-bit numbers. Integers keep it free of rounding.
func (r *random) bell() float32 {
	a, b := r.next(), r.next()
	sum := int32(a>>16) + int32(a&0xFFFF) + int32(b>>16) + int32(b&0xFFFF)
	return float32(sum-2*0xFFFF) * (1.7320508 / (1 << 16))
}

// mul is a product that is rounded before it is added to anything. The
// conversion forbids the compiler to fuse it with an addition, which some
// processors would do and others not, with other bits.
func mul(a, b float32) float32 { return float32(a * b) }
