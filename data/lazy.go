package data

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
)

// lazy remembers which samples of a generated data set have been drawn.
type lazy struct {
	source func(i int) int                        // the generator's number of sample i
	draw   func(pen *pen, number int, dst []byte) // safe to call from several goroutines

	complete atomic.Bool
	mu       sync.Mutex
	drawn    []bool
	missing  int
	todo     []int32
}

func newLazy(n int, source func(int) int, draw func(*pen, int, []byte)) *lazy {
	l := &lazy{source: source, draw: draw, drawn: make([]bool, n), missing: n}
	l.complete.Store(n == 0)
	return l
}

// pickLazy gives p, which has the samples ids of d, those pixels that d has
// and the means to draw the others.
func (d *Dataset) pickLazy(p *Dataset, ids []int32) {
	l, base := d.lazy, d.base
	p.lazy = newLazy(p.N, func(i int) int { return l.source(base + int(ids[i])) }, l.draw)
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, id := range ids {
		if l.drawn[base+int(id)] {
			copy(p.Image(i), d.Image(int(id)))
			p.lazy.drawn[i] = true
			p.lazy.missing--
		}
	}
	p.lazy.complete.Store(p.lazy.missing == 0)
}

// Need makes sure that the pixels of the samples in index are there. Only a
// data set from [OpenLazy] ever lacks some; for all others, and once all are
// drawn, it returns at once and allocates nothing. It may be called from
// several goroutines, and beside [Dataset.Load]. An index outside 0 … N-1 is an
// error.
func (d *Dataset) Need(index []int32) error {
	if d.lazy == nil || d.lazy.complete.Load() {
		return nil
	}
	for _, i := range index {
		if i < 0 || int(i) >= d.N {
			return fmt.Errorf("data: %s: want a sample index in 0 to %d, got %d", d.Name, d.N-1, i)
		}
	}
	l := d.lazy
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, i := range index {
		l.mark(d.base, int(i))
	}
	d.drawMarked()
	return nil
}

// Drawn reports whether all pixels are there, as they are but in a data set
// from [OpenLazy] that was not loaded.
func (d *Dataset) Drawn() bool { return d.lazy == nil || d.lazy.complete.Load() }

// loadChunk bounds how long a Need may wait for a Load that runs beside it:
// some two milliseconds of drawing.
const loadChunk = 512

// Load draws all samples that are still missing, on all cores. Run it in a
// goroutine of its own to fill a data set from [OpenLazy] while the first
// batches are already in use.
func (d *Dataset) Load() {
	if d.lazy == nil {
		return
	}
	l := d.lazy
	for from := 0; from < d.N && !l.complete.Load(); from += loadChunk {
		l.mu.Lock()
		for i := from; i < min(from+loadChunk, d.N); i++ {
			l.mark(d.base, i)
		}
		d.drawMarked()
		l.mu.Unlock()
	}
}

// mark puts sample i on the list of those to draw, unless it is drawn or
// listed already: an index may stand twice in one batch, and two goroutines
// must not draw the same pixels.
func (l *lazy) mark(base, i int) {
	if !l.drawn[base+i] {
		l.drawn[base+i] = true
		l.todo = append(l.todo, int32(i))
	}
}

// drawMarked draws the listed samples into Pixels. The caller has held the lock
// since before the first mark.
func (d *Dataset) drawMarked() {
	l := d.lazy
	if len(l.todo) == 0 {
		return
	}
	parallel(len(l.todo), func(pen *pen, k int) {
		i := int(l.todo[k])
		l.draw(pen, l.source(d.base+i), d.Image(i))
	})
	l.missing -= len(l.todo)
	l.todo = l.todo[:0]
	l.complete.Store(l.missing == 0)
}

// parallel calls work(pen, k) for k in 0 … n-1 on all cores, each goroutine
// with a pen of its own. Small pieces are handed out as they are asked for, so
// a core that other programs keep busy does not hold up the rest. A panic of
// work is the caller's.
func parallel(n int, work func(pen *pen, k int)) {
	const piece = 32
	var next atomic.Int64
	var fault atomic.Pointer[any]
	run := func() {
		defer func() {
			if f := recover(); f != nil {
				fault.CompareAndSwap(nil, &f)
			}
		}()
		pen := new(pen)
		for {
			from := int(next.Add(piece)) - piece
			if from >= n {
				return
			}
			for k := from; k < min(from+piece, n); k++ {
				work(pen, k)
			}
		}
	}
	var group sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), (n+piece-1)/piece) - 1 {
		group.Go(run)
	}
	run()
	group.Wait()
	if f := fault.Load(); f != nil {
		panic(*f)
	}
}
