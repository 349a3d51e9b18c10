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

// Upload copies from to the start of a buffer. It returns when from may change.
func (d *Device) Upload(to kernels.Buffer, from []byte) error {
	if d.err != nil {
		return d.err
	}
	if to.Len() < len(from) {
		return fmt.Errorf("%s: upload of %d bytes into a buffer of %d", d.name, len(from), to.Len())
	}
	if err := d.staging.in(d.ctx, to.(*buffer).at, from); err != nil {
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
	if err := d.staging.out(d.ctx, to, from.(*buffer).at); err != nil {
		d.fail(err)
	}
	return d.err
}

// Copy copies a buffer to the start of another, in the order of launches. A
// failure is reported by the next Sync.
func (d *Device) Copy(to, from kernels.Buffer) {
	if to.Len() < from.Len() {
		d.fail(fmt.Errorf("copy of %d bytes into a buffer of %d", from.Len(), to.Len()))
		return
	}
	if d.err != nil || from.Len() == 0 {
		return
	}
	if err := d.ctx.Copy(to.(*buffer).at, from.(*buffer).at, from.Len()); err != nil {
		d.fail(err)
	}
}
