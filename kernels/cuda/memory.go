package cuda

import (
	"fmt"

	"hourglass/kernels"
	"hourglass/kernels/cuda/driver"
)

// buffer is a piece of the device's memory.
type buffer struct {
	at    driver.Ptr
	bytes int
}

// Len returns the size in bytes.
func (b *buffer) Len() int { return b.bytes }

// View returns a part of the buffer.
func (b *buffer) View(offset, bytes int) kernels.Buffer {
	if offset < 0 || bytes < 0 || offset+bytes > b.bytes {
		panic(fmt.Sprintf("cuda: view of %d bytes at %d in a buffer of %d", bytes, offset, b.bytes))
	}
	return &buffer{b.at + driver.Ptr(offset), bytes}
}

// Alloc returns a buffer of zeros.
func (d *Device) Alloc(bytes int) (kernels.Buffer, error) {
	if d.err != nil {
		return nil, d.err
	}
	if bytes == 0 {
		return &buffer{}, nil
	}
	at, err := d.ctx.Alloc(bytes)
	if e, ok := err.(*driver.Error); ok && e.Code == driver.OutOfMemory {
		if free, total, err := d.ctx.Memory(); err == nil {
			return nil, fmt.Errorf("%s: out of memory: wanted %s, %s of %s are free", d.name, Bytes(int64(bytes)), Bytes(free), Bytes(total))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: allocating %d bytes: %w", d.name, bytes, err)
	}
	if err := d.ctx.Zero(at, bytes); err != nil {
		return nil, fmt.Errorf("%s: %w", d.name, err)
	}
	return &buffer{at, bytes}, nil
}

// Bytes writes a size as people do: "1.5 GiB".
func Bytes(n int64) string {
	x, unit := float64(n), "bytes"
	for _, u := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if x < 1024 {
			break
		}
		x, unit = x/1024, u
	}
	if unit == "bytes" {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.1f %s", x, unit)
}

// Free returns how many bytes of the device's memory are not in use.
func (d *Device) Free() (int64, error) {
	free, _, err := d.ctx.Memory()
	if err != nil {
		return 0, fmt.Errorf("%s: %w", d.name, err)
	}
	return free, nil
}

// staging is memory of the host that the device copies from and to by itself:
// two chunks, so that one is filled while the other is on its way.
type staging struct {
	ctx   *driver.Context
	chunk [2][]byte
	sent  [2]*driver.Event // behind the last copy from the chunk; nil at first
	next  int
}

const chunkSize = 4 << 20

func (s *staging) open(ctx *driver.Context) error {
	s.ctx = ctx
	for i := range s.chunk {
		var err error
		if s.chunk[i], err = ctx.AllocHost(chunkSize); err != nil {
			return err
		}
	}
	return nil
}

func (s *staging) close() {
	for i, c := range s.chunk {
		s.ctx.FreeHost(c)
		if s.sent[i] != nil {
			s.sent[i].Close()
		}
	}
}

// in copies to the device and returns when from may change, which is before the
// copy is done.
func (s *staging) in(to driver.Ptr, from []byte) error {
	for len(from) > 0 {
		i := s.next
		s.next = 1 - i
		if s.sent[i] != nil {
			if err := s.sent[i].Wait(); err != nil {
				return err
			}
		}
		n := copy(s.chunk[i], from)
		if err := s.ctx.CopyIn(to, s.chunk[i][:n]); err != nil {
			return err
		}
		var err error
		if s.sent[i] == nil {
			s.sent[i], err = s.ctx.Record()
		} else {
			err = s.sent[i].Again()
		}
		if err != nil {
			return err
		}
		from, to = from[n:], to+driver.Ptr(n)
	}
	return nil
}

// out copies from the device.
func (s *staging) out(to []byte, from driver.Ptr) error {
	chunk := s.chunk[s.next]
	for len(to) > 0 {
		n := min(len(to), len(chunk))
		if err := s.ctx.CopyOut(chunk[:n], from); err != nil {
			return err
		}
		if err := s.ctx.Sync(); err != nil {
			return err
		}
		copy(to, chunk[:n])
		to, from = to[n:], from+driver.Ptr(n)
	}
	return nil
}

// Upload copies from to the start of a buffer. It returns when from may change.
func (d *Device) Upload(to kernels.Buffer, from []byte) error {
	if d.err != nil {
		return d.err
	}
	if to.Len() < len(from) {
		return fmt.Errorf("%s: upload of %d bytes into a buffer of %d", d.name, len(from), to.Len())
	}
	if err := d.staging.in(to.(*buffer).at, from); err != nil {
		d.fail(err)
	}
	return d.err
}

// Download waits for all work and copies the start of a buffer.
func (d *Device) Download(to []byte, from kernels.Buffer) error {
	if d.err != nil {
		return d.err
	}
	if from.Len() < len(to) {
		return fmt.Errorf("%s: download of %d bytes from a buffer of %d", d.name, len(to), from.Len())
	}
	if err := d.staging.out(to, from.(*buffer).at); err != nil {
		d.fail(err)
	}
	return d.err
}
