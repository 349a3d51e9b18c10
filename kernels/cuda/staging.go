package cuda

import "hourglass/kernels/cuda/driver"

// staging is memory of the host that the device copies from and to by itself:
// two chunks, of which one is filled, copy behind copy, while the device may
// still be reading from the other. So the host waits for the device only when
// it is ahead of it by a whole chunk.
type staging struct {
	chunk [2][]byte
	sent  [2]*driver.Event // behind the last copy from a chunk that is full
	busy  [2]bool          // that event may be yet to come
	next  int              // the chunk that is being filled
	used  int              // bytes of it
}

// A chunk takes the indices of thousands of batches, or some batches of images.
const chunkSize = 4 << 20

// chunkAlign is where copies begin in a chunk.
const chunkAlign = 64

func (s *staging) open(ctx *driver.Context) error {
	for i := range s.chunk {
		var err error
		if s.chunk[i], err = ctx.AllocHost(chunkSize); err != nil {
			return err
		}
		if s.sent[i], err = ctx.Record(); err != nil {
			return err
		}
	}
	return nil
}

func (s *staging) close(ctx *driver.Context) {
	for i, c := range s.chunk {
		ctx.FreeHost(c)
		s.sent[i].Close()
	}
}

// in copies to the device and returns when from may change, which is before the
// copy is done.
func (s *staging) in(ctx *driver.Context, to driver.Ptr, from []byte) error {
	for len(from) > 0 {
		if s.used >= chunkSize {
			if err := s.turn(); err != nil {
				return err
			}
		}
		chunk := s.chunk[s.next][s.used:]
		n := copy(chunk, from)
		if err := ctx.CopyIn(to, chunk[:n]); err != nil {
			return err
		}
		s.used += (n + chunkAlign - 1) / chunkAlign * chunkAlign
		from, to = from[n:], to+driver.Ptr(n)
	}
	return nil
}

// turn goes on with the other chunk, as soon as it is free.
func (s *staging) turn() error {
	if err := s.sent[s.next].Again(); err != nil {
		return err
	}
	s.busy[s.next] = true
	s.next, s.used = 1-s.next, 0
	if !s.busy[s.next] {
		return nil
	}
	s.busy[s.next] = false
	return s.sent[s.next].Wait()
}

// idle notes that the device has done all it was told.
func (s *staging) idle() { s.busy, s.used = [2]bool{}, 0 }

// out waits for all work and copies from the device. What is still to be copied
// from the chunk goes before, so that it may be used for this.
func (s *staging) out(ctx *driver.Context, to []byte, from driver.Ptr) error {
	chunk := s.chunk[s.next]
	for len(to) > 0 {
		n := min(len(to), len(chunk))
		if err := ctx.CopyOut(chunk[:n], from); err != nil {
			return err
		}
		if err := ctx.Sync(); err != nil {
			return err
		}
		copy(to, chunk[:n])
		to, from = to[n:], from+driver.Ptr(n)
		s.idle()
	}
	return nil
}
