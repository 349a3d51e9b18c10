package data

import "iter"

// Order returns a permutation of 0 … n-1 that depends on seed and epoch alone:
// the order in which an epoch visits its samples.
func Order(n int, seed uint64, epoch int) []int32 {
	order := make([]int32, n)
	OrderInto(order, seed, epoch)
	return order
}

// OrderInto fills dst with Order(len(dst), seed, epoch) and allocates nothing.
// The numbers are this package's own, so a resumed run meets the same order
// whatever Go version built it.
func OrderInto(dst []int32, seed uint64, epoch int) {
	permute(dst, newRandom(seed, streamOrder, uint64(epoch)))
}

// permute is the inside-out Fisher-Yates shuffle of 0 … len(dst)-1.
func permute(dst []int32, r random) {
	for i := range dst {
		j := r.below(i + 1)
		dst[i] = dst[j]
		dst[j] = int32(i)
	}
}

// BatchCount is the number of batches of at most size samples that n samples
// make, a shorter tail included. It panics if size is below 1.
func BatchCount(n, size int) int {
	if size < 1 {
		panic("data: batch size below 1")
	}
	if n == 0 {
		return 0
	}
	return (n-1)/size + 1
}

// Batch returns batch k of an order: the indices order[k·size : (k+1)·size],
// the last batch possibly shorter. It is a view, not a copy. k must be in
// 0 … BatchCount(len(order), size)-1; a resumed run enters an epoch with it.
func Batch(order []int32, size, k int) []int32 {
	from := k * size
	to := min(from+size, len(order))
	return order[from:to:to]
}

// Batches yields (k, Batch(order, size, k)) for every batch in turn, the
// shorter tail included. It panics if size is below 1.
func Batches(order []int32, size int) iter.Seq2[int, []int32] {
	count := BatchCount(len(order), size)
	return func(yield func(int, []int32) bool) {
		for k := range count {
			if !yield(k, Batch(order, size, k)) {
				return
			}
		}
	}
}
