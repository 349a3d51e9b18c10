package cpu

import (
	"sync"
	"time"

	"hourglass/kernels/cpu/internal/simd"
)

// Peak returns the floating-point operations a second, a multiply-add counting
// as two, that so many threads reach together with multiply-adds on registers
// alone, in the instructions that Tier names: the bound that kernels are
// measured against. It is the best of several slices that together take about
// d, since other processes can only make a slice slower.
func Peak(threads int, d time.Duration) float64 {
	const slices = 8
	rounds := 1000
	for began := time.Now(); ; rounds *= 2 {
		simd.MulAdds(rounds)
		now := time.Now()
		if now.Sub(began) > d/(2*slices) {
			break
		}
		began = now
	}
	best := 0.0
	for range slices {
		best = max(best, burst(threads, rounds))
	}
	return best
}

// burst returns the operations a second of one slice. Threads start together:
// the time runs from then until the last is done.
func burst(threads, rounds int) float64 {
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	operations := make([]int, threads)
	for i := range threads {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-start
			operations[i] = simd.MulAdds(rounds)
		})
	}
	ready.Wait()
	began := time.Now()
	close(start)
	done.Wait()
	seconds := time.Since(began).Seconds()
	total := 0
	for _, n := range operations {
		total += n
	}
	return float64(total) / seconds
}
