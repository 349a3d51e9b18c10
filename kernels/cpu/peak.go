package cpu

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"hourglass/kernels/cpu/internal/simd"
)

// Peak returns the floating-point operations a second, a multiply-add counting
// as two, that so many threads reach together with multiply-adds on registers
// alone, in the instructions that Tier names: the bound that kernels are
// measured against. It is the best of bursts of a millisecond that together
// take about d, since other processes can only make a burst slower.
func Peak(threads int, d time.Duration) float64 {
	const length = time.Millisecond
	rounds := 1000
	for took := time.Duration(0); took < length; rounds *= 2 {
		began := time.Now()
		simd.MulAdds(2 * rounds)
		took = time.Since(began)
	}
	best := 0.0
	for range max(1, d/length) {
		best = max(best, burst(threads, rounds))
	}
	return best
}

// burst returns the operations a second of threads that start together, until
// the last is done.
func burst(threads, rounds int) float64 {
	var waiting, total atomic.Int64
	var others sync.WaitGroup
	ends := make([]time.Time, threads)
	work := func(thread int) {
		waiting.Add(1)
		// Threads that slept would not wake up together.
		for waiting.Load() < int64(threads) {
			runtime.Gosched()
		}
		total.Add(int64(simd.MulAdds(rounds)))
		ends[thread] = time.Now()
	}
	for i := 1; i < threads; i++ {
		others.Go(func() { work(i) })
	}
	for waiting.Load() < int64(threads-1) {
		runtime.Gosched()
	}
	began := time.Now()
	work(0)
	others.Wait()
	last := ends[0]
	for _, end := range ends {
		if end.After(last) {
			last = end
		}
	}
	return float64(total.Load()) / last.Sub(began).Seconds()
}
