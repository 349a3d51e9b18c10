package data

import (
	"context"
	"runtime"
	"sync"
)

// A Stream reads batches of a source before they are asked for, on all cores. A
// bounded number of them is in memory. Next and Close are called from one
// goroutine.
type Stream struct {
	source Source
	bytes  ByteSource // nil: numbers are read
	size   int
	next   func() []int32
	ctx    context.Context
	cancel func() bool // of the call that wakes Next when ctx ends
	group  sync.WaitGroup

	mu          sync.Mutex
	work, ready sync.Cond
	slots       []slot // batch b is in slots[b mod len]
	head        int    // the batch that Next returns next
	begun       int    // batches in slots, ever
	parts       int    // the batch of which parts are handed out, up to begun
	held        bool   // batch head-1 is in use
	ended       bool   // next has no more
	err         error  // why
	closed      bool
	memory      int
	batchBytes  int // of the newest batch
	workers     int
}

// Samples is a batch. Either Bytes or Values holds its samples, one after the
// other.
type Samples struct {
	Index  []int32
	Bytes  []byte
	Values []float32
}

// slot is a batch and how far it is read.
type slot struct {
	Samples
	taken, done int // samples that a worker has begun, and ended
	errAt       int // the first sample in the batch that could not be read
	err         error
}

// StreamOptions says what a Stream reads.
type StreamOptions struct {
	// Ahead is how many batches are read ahead of the one in use; 0 stands for 4.
	Ahead int
	// Memory is how many bytes of batches may be in use before no more than one
	// is read ahead; 0 stands for 512 MiB.
	Memory int
	// Floats reads numbers from a ByteSource too.
	Floats bool
}

// NewStream reads the batches whose indices next returns, one after the other,
// until it returns none. Calls of next come one at a time, from other
// goroutines; its result is copied. The stream ends when ctx does. Close it
// after use.
func NewStream(ctx context.Context, s Source, next func() []int32, o StreamOptions) *Stream {
	if o.Ahead < 1 {
		o.Ahead = 4
	}
	if o.Memory < 1 {
		o.Memory = 512 << 20
	}
	r := &Stream{source: s, size: s.Info().SampleSize(), next: next, ctx: ctx, slots: make([]slot, o.Ahead+1), memory: o.Memory, workers: runtime.GOMAXPROCS(0)}
	if b, ok := Bytes(s); ok && !o.Floats {
		r.bytes = b
	}
	r.work.L, r.ready.L = &r.mu, &r.mu
	r.cancel = context.AfterFunc(ctx, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.ready.Broadcast()
	})
	for range r.workers {
		r.group.Go(r.run)
	}
	return r
}

// InOrder is a next for NewStream: the samples 0 … n-1 in batches of a size.
func InOrder(n, size int) func() []int32 {
	at, index := 0, make([]int32, size)
	return func() []int32 {
		batch := index[:min(size, n-at)]
		for i := range batch {
			batch[i] = int32(at + i)
		}
		at += len(batch)
		return batch
	}
}

// Next waits for the next batch. It is valid until the next call, and nil when
// there are no more. An error is the context's, or that of the first sample of
// the batch that could not be read; after it the stream is of no further use.
func (r *Stream) Next() (*Samples, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held {
		r.held = false
		r.work.Broadcast()
	}
	for {
		if err := r.ctx.Err(); err != nil {
			return nil, err
		}
		s := &r.slots[r.head%len(r.slots)]
		switch {
		case r.head == r.begun && r.ended:
			return nil, r.err
		case r.head == r.begun || s.done < len(s.Index):
			r.ready.Wait()
			continue
		case s.err != nil:
			return nil, s.err
		}
		r.head++
		r.held = true
		return &s.Samples, nil
	}
}

// Close ends the reading; it waits for the calls of Read that are under way.
func (r *Stream) Close() {
	r.mu.Lock()
	r.closed = true
	r.work.Broadcast()
	r.mu.Unlock()
	r.cancel()
	r.group.Wait()
}

// run is a worker. It holds the lock but while it reads.
func (r *Stream) run() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for !r.closed && r.ctx.Err() == nil {
		s, from, to := r.part()
		if s == nil {
			if !r.begin() {
				r.work.Wait()
			}
			continue
		}
		r.mu.Unlock()
		at, err := r.read(s, from, to)
		r.mu.Lock()
		if err != nil && (s.err == nil || at < s.errAt) {
			s.err, s.errAt = err, at
		}
		if s.done += to - from; s.done == len(s.Index) {
			r.ready.Broadcast()
		}
	}
}

// part takes some samples of the first batch that has any left. A few parts for
// each worker even out samples that take longer than others.
func (r *Stream) part() (s *slot, from, to int) {
	for ; r.parts < r.begun; r.parts++ {
		s := &r.slots[r.parts%len(r.slots)]
		if from := s.taken; from < len(s.Index) {
			s.taken = min(from+max(len(s.Index)/(4*r.workers), 1), len(s.Index))
			return s, from, s.taken
		}
	}
	return nil, 0, 0
}

// begin puts the next batch in a free slot, and reports whether it could.
func (r *Stream) begin() bool {
	used := r.begun - r.head
	if r.held {
		used++
	}
	if r.ended || used == len(r.slots) || used > 1 && used*r.batchBytes >= r.memory {
		return false
	}
	var index []int32
	if r.err = protect(func() error { index = r.next(); return nil }); r.err != nil || len(index) == 0 {
		r.ended = true
		r.ready.Broadcast()
		return false
	}
	s := &r.slots[r.begun%len(r.slots)]
	s.Index = append(s.Index[:0], index...)
	s.taken, s.done, s.err = 0, 0, nil
	n := len(index) * r.size
	if r.bytes != nil {
		s.Bytes = grown(s.Bytes, n)
		r.batchBytes = n
	} else {
		s.Values = grown(s.Values, n)
		r.batchBytes = 4 * n
	}
	r.begun++
	r.work.Broadcast()
	return true
}

// grown returns a slice of n elements, in the memory of s if that is enough.
func grown[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// read reads part of a batch. Of an error it tells which sample met it, as near
// as it can: the parts are small.
func (r *Stream) read(s *slot, from, to int) (at int, err error) {
	return from, protect(func() error {
		if r.bytes != nil {
			return r.bytes.ReadBytes(s.Bytes[from*r.size:to*r.size], s.Index[from:to])
		}
		return r.source.Read(s.Values[from*r.size:to*r.size], s.Index[from:to])
	})
}
