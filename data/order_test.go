package data

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

func TestOrderIsPermutation(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 1000} {
		order := Order(n, 5, 3)
		slices.Sort(order)
		for i, v := range order {
			if int(v) != i {
				t.Fatalf("n = %d: sorted order has %d at place %d", n, v, i)
			}
		}
	}
}

// The numbers were recorded once; a change here breaks resumed runs.
func TestOrderGolden(t *testing.T) {
	if got, want := fmt.Sprint(Order(12, 7, 0)), "[3 2 6 10 9 7 0 8 5 4 11 1]"; got != want {
		t.Errorf("epoch 0: %v, want %v", got, want)
	}
	if got, want := fmt.Sprint(Order(12, 7, 1)), "[1 5 8 7 9 10 3 4 0 11 6 2]"; got != want {
		t.Errorf("epoch 1: %v, want %v", got, want)
	}
}

func TestOrderDependsOnSeedAndEpoch(t *testing.T) {
	base := Order(100, 1, 0)
	for _, other := range [][]int32{Order(100, 2, 0), Order(100, 1, 1), Order(100, 1<<40+1, 0)} {
		if slices.Equal(base, other) {
			t.Error("another seed or epoch gave the same order")
		}
	}
}

// Every element must be equally likely at every place.
func TestOrderIsUniform(t *testing.T) {
	const n, epochs = 6, 30000
	var counts [n][n]int
	order := make([]int32, n)
	for epoch := range epochs {
		OrderInto(order, 9, epoch)
		for place, v := range order {
			counts[place][v]++
		}
	}
	want := float64(epochs) / n
	for place := range counts {
		for v, c := range counts[place] {
			if !(math.Abs(float64(c)-want) <= 5*math.Sqrt(want)) {
				t.Errorf("%d stood %d times at place %d, want about %.0f", v, c, place, want)
			}
		}
	}
}

func TestOrderIntoAllocatesNothing(t *testing.T) {
	order := make([]int32, 1000)
	sum := int32(0)
	allocs := testing.AllocsPerRun(20, func() {
		OrderInto(order, 1, 2)
		for k := range BatchCount(len(order), 128) {
			sum += Batch(order, 128, k)[0]
		}
	})
	if allocs != 0 {
		t.Errorf("got %v allocations, want 0", allocs)
	}
}

func TestBatches(t *testing.T) {
	for _, c := range []struct{ n, size, count, tail int }{
		{10, 4, 3, 2}, {8, 4, 2, 4}, {3, 4, 1, 3}, {0, 4, 0, 0}, {5, 1, 5, 1},
	} {
		order := Order(c.n, 1, 0)
		var all []int32
		count, last := 0, 0
		for k, batch := range Batches(order, c.size) {
			if k != count || !slices.Equal(batch, Batch(order, c.size, k)) {
				t.Errorf("n %d size %d: batch %d came as number %d", c.n, c.size, count, k)
			}
			if cap(batch) != len(batch) {
				t.Errorf("n %d size %d: an append to batch %d would overwrite the next", c.n, c.size, k)
			}
			all = append(all, batch...)
			last = len(batch)
			count++
		}
		if count != c.count || last != c.tail || count != BatchCount(c.n, c.size) {
			t.Errorf("n %d size %d: got %d batches and a tail of %d, want %d and %d", c.n, c.size, count, last, c.count, c.tail)
		}
		if !slices.Equal(all, order) {
			t.Errorf("n %d size %d: the batches do not make up the order", c.n, c.size)
		}
	}
}

func TestBatchesStopsEarly(t *testing.T) {
	count := 0
	for k := range Batches(Order(10, 1, 0), 2) {
		count++
		if k == 1 {
			break
		}
	}
	if count != 2 {
		t.Errorf("got %d batches after a break at the second", count)
	}
}

func TestBatchSizeZeroPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("size 0 did not panic")
		}
	}()
	Batches(Order(3, 1, 0), 0)
}

func BenchmarkOrderInto(b *testing.B) {
	order := make([]int32, builtinTrain)
	for epoch := 0; b.Loop(); epoch++ {
		OrderInto(order, 1, epoch)
	}
}
