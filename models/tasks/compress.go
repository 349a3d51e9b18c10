package tasks

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"

	"hourglass/data"
	"hourglass/models/train"
)

// The compressed format, all numbers little-endian:
//
//	8 bytes   magic, "\x89HGZ\r\n\x1a\n"
//	uint16    version, 1
//	uint8     kind: 0 rounded units, 1 entries of a codebook
//	uint8     0
//	32 bytes  Digest of the model
//	uint64    N, the number of samples
//	3×uint32  H, W, C of a sample
//	uint32    S, the numbers of a code
//	kind 0    S times float32 low, float32 step, uint16 count: number i stands for
//	          low + i·step, i < count ≤ 256
//	kind 1    uint32 entries of the codebook
//	uint32    CRC-32 (IEEE) of all before
//
// then blocks until there are N samples, and nothing behind:
//
//	uint32    samples of the block, as many as make at most 65536 numbers, but 1 at
//	          least
//	uint32    bytes of its numbers
//	bytes     the numbers of each sample in turn, range-coded
//	uint32    CRC-32 of the block so far
//
// Each of the S numbers of a code has an adaptive model of its own, which goes on
// from block to block.
const (
	compressedMagic   = "\x89HGZ\r\n\x1a\n"
	compressedVersion = 1
	kindLevels        = 0
	kindCodebook      = 1
	fixedHeader       = 68
	levelBytes        = 10
	blockNumbers      = 1 << 16
)

// A FormatError tells that a compressed file is damaged, or none at all.
type FormatError struct{ Reason string }

// Error says what is wrong.
func (e *FormatError) Error() string { return "compressed file: " + e.Reason }

func formatErrorf(format string, args ...any) error {
	return &FormatError{fmt.Sprintf(format, args...)}
}

// Compressed tells what Compress has written.
type Compressed struct {
	Samples int
	Bytes   int64 // of the whole file
	// BitsPerPixel is 8·Bytes by the number of places of all samples.
	BitsPerPixel float64
}

// Compress writes the codes of the samples of src, rounded and entropy-coded; of
// models without a codebook it reads src twice, first for the range of each unit.
// Only a model of the same weights makes samples of them again.
func Compress(ctx context.Context, r *train.Runner, src data.Source, o CompressOptions, out io.Writer) (Compressed, error) {
	q, err := codebookOf(r)
	if err != nil {
		return Compressed{}, err
	}
	if q != nil && o != (CompressOptions{}) {
		return Compressed{}, fmt.Errorf("tasks: compress: codes of the model %s are entries of its codebook, which take no bits or step", r.Config().Name)
	}
	if q == nil {
		// Wrong options are found before the data are read.
		if _, err := (unitRanges{}).quantizer(o); err != nil {
			return Compressed{}, err
		}
		u, err := rangesOf(ctx, r, src)
		if err != nil {
			return Compressed{}, err
		}
		if q, err = u.quantizer(o); err != nil {
			return Compressed{}, err
		}
	}
	w, err := newCompressor(r, src.Info(), q, out)
	if err != nil {
		return Compressed{}, err
	}
	if err := Encode(ctx, r, src, func(_ int, codes []float32) error { return w.write(codes) }); err != nil {
		return Compressed{}, err
	}
	return w.end()
}

// compressor writes a compressed file.
type compressor struct {
	out     io.Writer
	q       *quantizer
	info    data.Info
	models  []*symbols
	numbers []uint32 // of the block that is being filled
	block   int      // numbers of a full one
	written Compressed
}

func newCompressor(r *train.Runner, info data.Info, q *quantizer, out io.Writer) (*compressor, error) {
	digest, err := Digest(r)
	if err != nil {
		return nil, err
	}
	c := &compressor{out: out, q: q, info: info, models: q.models(r.Latent())}
	c.block = blockSamples(len(c.models)) * len(c.models)
	kind := byte(kindLevels)
	if q.codebook != nil {
		kind = kindCodebook
	}
	h := append([]byte(compressedMagic), compressedVersion, 0, kind, 0)
	h = append(h, digest[:]...)
	h = binary.LittleEndian.AppendUint64(h, uint64(info.N))
	for _, v := range []int{info.H, info.W, info.C, len(c.models)} {
		h = binary.LittleEndian.AppendUint32(h, uint32(v))
	}
	for _, l := range q.levels {
		h = binary.LittleEndian.AppendUint32(h, math.Float32bits(l.low))
		h = binary.LittleEndian.AppendUint32(h, math.Float32bits(l.step))
		h = binary.LittleEndian.AppendUint16(h, l.count)
	}
	if q.codebook != nil {
		h = binary.LittleEndian.AppendUint32(h, uint32(len(q.codebook)/q.width))
	}
	return c, c.put(binary.LittleEndian.AppendUint32(h, crc32.ChecksumIEEE(h)))
}

// blockSamples returns how many samples of so many numbers a block holds.
func blockSamples(numbers int) int { return max(1, blockNumbers/numbers) }

func (c *compressor) put(b []byte) error {
	n, err := c.out.Write(b)
	c.written.Bytes += int64(n)
	return err
}

// write takes codes [n z].
func (c *compressor) write(codes []float32) error {
	var err error
	if c.numbers, err = c.q.symbols(c.numbers, codes); err != nil {
		return err
	}
	c.written.Samples = c.written.Samples + len(codes)/(len(c.models)*max(c.q.width, 1))
	for len(c.numbers) >= c.block {
		if err := c.flush(c.block); err != nil {
			return err
		}
	}
	return nil
}

// flush writes a block of the first n numbers.
func (c *compressor) flush(n int) error {
	e := newRangeEncoder()
	for i, v := range c.numbers[:n] {
		c.models[i%len(c.models)].encode(e, v)
	}
	c.numbers = append(c.numbers[:0], c.numbers[n:]...)
	payload := e.end()
	b := binary.LittleEndian.AppendUint32(nil, uint32(n/len(c.models)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(payload)))
	b = append(b, payload...)
	return c.put(binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b)))
}

// end writes what is left.
func (c *compressor) end() (Compressed, error) {
	if len(c.numbers) > 0 {
		if err := c.flush(len(c.numbers)); err != nil {
			return c.written, err
		}
	}
	if c.written.Samples != c.info.N {
		return c.written, fmt.Errorf("tasks: compress: %d samples, want %d", c.written.Samples, c.info.N)
	}
	c.written.BitsPerPixel = 8 * float64(c.written.Bytes) / (float64(c.info.N) * float64(c.info.H*c.info.W))
	return c.written, nil
}

// A Decompressor reads a compressed file.
type Decompressor struct {
	// N samples of shape [H W C], as the header says.
	N, H, W, C int

	r      *train.Runner
	in     io.Reader
	q      *quantizer
	models []*symbols
}

// NewDecompressor reads the header of a compressed file. A file that is damaged,
// of another version or made with other weights than the runner's is a
// *FormatError. Memory is taken for what the model's code holds, whatever the
// header says.
func NewDecompressor(r *train.Runner, in io.Reader) (*Decompressor, error) {
	h := make([]byte, fixedHeader)
	if err := readFull(in, h, "the header"); err != nil {
		return nil, err
	}
	d := &Decompressor{r: r, in: in}
	kind, numbers, err := d.fixed(h)
	if err != nil {
		return nil, err
	}
	if d.q, err = codebookOf(r); err != nil {
		return nil, err
	}
	if want := kindOf(d.q); kind != want {
		return nil, formatErrorf("its codes are of kind %d, the model's of kind %d", kind, want)
	}
	if d.q == nil {
		d.q = &quantizer{}
	}
	if want := d.q.perCode(r.Latent()); numbers != uint32(want) {
		return nil, formatErrorf("its codes have %d numbers, the model's %d", numbers, want)
	}
	if err := d.units(h, int(numbers)); err != nil {
		return nil, err
	}
	d.models = d.q.models(r.Latent())
	return d, nil
}

func kindOf(q *quantizer) byte {
	if q != nil {
		return kindCodebook
	}
	return kindLevels
}

// fixed reads the part of the header that every file has.
func (d *Decompressor) fixed(h []byte) (kind byte, numbers uint32, err error) {
	if string(h[:8]) != compressedMagic {
		return 0, 0, formatErrorf("it begins with %q, want %q: hourglass compress has not written it", h[:8], compressedMagic)
	}
	if v := binary.LittleEndian.Uint16(h[8:]); v != compressedVersion {
		return 0, 0, formatErrorf("it is of version %d, want %d", v, compressedVersion)
	}
	digest, err := Digest(d.r)
	if err != nil {
		return 0, 0, err
	}
	if !bytes.Equal(h[12:44], digest[:]) {
		return 0, 0, formatErrorf("it was made with other weights (%x…) than the model's (%x…): give the run it was made with", h[12:16], digest[:4])
	}
	n := binary.LittleEndian.Uint64(h[44:])
	if n < 1 || n > math.MaxInt32 {
		return 0, 0, formatErrorf("it says that it holds %d samples, want 1 to %d", n, math.MaxInt32)
	}
	shape := [3]uint32{}
	for i := range shape {
		shape[i] = binary.LittleEndian.Uint32(h[52+4*i:])
	}
	want := d.r.Shape()
	if shape != [3]uint32{uint32(want[0]), uint32(want[1]), uint32(want[2])} {
		return 0, 0, formatErrorf("its samples are %v, the model's %v", shape, want)
	}
	d.N, d.H, d.W, d.C = int(n), want[0], want[1], want[2]
	return h[10], binary.LittleEndian.Uint32(h[64:]), nil
}

// units reads the rest of the header.
func (d *Decompressor) units(fixed []byte, numbers int) error {
	size := 4
	if d.q.codebook == nil {
		size = levelBytes * numbers
	}
	rest := make([]byte, size+4)
	if err := readFull(d.in, rest, "the header"); err != nil {
		return err
	}
	sum := crc32.Update(crc32.ChecksumIEEE(fixed), crc32.IEEETable, rest[:size])
	if got := binary.LittleEndian.Uint32(rest[size:]); got != sum {
		return formatErrorf("its header is damaged: checksum %08x, want %08x", sum, got)
	}
	if d.q.codebook != nil {
		if k := binary.LittleEndian.Uint32(rest); int64(k) != int64(len(d.q.codebook)/d.q.width) {
			return formatErrorf("its codebook has %d entries, the model's %d", k, len(d.q.codebook)/d.q.width)
		}
		return nil
	}
	for i := range numbers {
		b := rest[levelBytes*i:]
		l := level{math.Float32frombits(binary.LittleEndian.Uint32(b)), math.Float32frombits(binary.LittleEndian.Uint32(b[4:])), binary.LittleEndian.Uint16(b[8:])}
		if l.count < 1 || l.count > mostLevels || !finite(l.low) || !finite(l.step) {
			return formatErrorf("unit %d has %d levels from %v in steps of %v, want 1 to %d of finite values", i, l.count, l.low, l.step, mostLevels)
		}
		d.q.levels = append(d.q.levels, l)
	}
	return nil
}

func finite(v float32) bool { return !math.IsNaN(float64(v)) && !math.IsInf(float64(v), 0) }

// readFull reads all of b, or says that the file ends in it.
func readFull(in io.Reader, b []byte, what string) error {
	_, err := io.ReadFull(in, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return formatErrorf("it ends within %s", what)
	}
	return err
}

// Each hands the samples [n H W C] of the file to use, from number from on. A
// file that ends early, goes on behind its end or does not match its checksums is
// a *FormatError; the samples before the damage have been used then.
func (d *Decompressor) Each(ctx context.Context, use func(from int, images []float32) error) error {
	most := blockSamples(len(d.models))
	var numbers []uint32
	var codes []float32
	for from := 0; from < d.N; {
		if err := stopped(ctx); err != nil {
			return err
		}
		var err error
		if numbers, err = d.block(numbers[:0], min(most, d.N-from)); err != nil {
			return err
		}
		n := len(numbers) / len(d.models)
		for at := 0; at < n; at += d.r.Batch() {
			part := numbers[at*len(d.models) : min(at+d.r.Batch(), n)*len(d.models)]
			codes = d.q.codes(codes[:0], part)
			images, err := d.r.Decode(codes)
			if err != nil {
				return err
			}
			if err := use(from+at, images); err != nil {
				return err
			}
		}
		from += n
	}
	var behind [1]byte
	if n, err := io.ReadFull(d.in, behind[:]); n > 0 {
		return formatErrorf("it goes on behind its %d samples", d.N)
	} else if !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// block reads the numbers of the next block, of at most so many samples.
func (d *Decompressor) block(numbers []uint32, most int) ([]uint32, error) {
	head := make([]byte, 8)
	if err := readFull(d.in, head, "a block"); err != nil {
		return nil, err
	}
	samples, size := binary.LittleEndian.Uint32(head), binary.LittleEndian.Uint32(head[4:])
	if samples < 1 || int64(samples) > int64(most) {
		return nil, formatErrorf("a block says that it holds %d samples, want 1 to %d", samples, most)
	}
	// The buffer grows with what is there, not with what the file says.
	var payload bytes.Buffer
	if _, err := io.CopyN(&payload, d.in, int64(size)); errors.Is(err, io.EOF) {
		return nil, formatErrorf("it ends within a block")
	} else if err != nil {
		return nil, err
	}
	tail := make([]byte, 4)
	if err := readFull(d.in, tail, "a block"); err != nil {
		return nil, err
	}
	sum := crc32.Update(crc32.ChecksumIEEE(head), crc32.IEEETable, payload.Bytes())
	if want := binary.LittleEndian.Uint32(tail); sum != want {
		return nil, formatErrorf("a block is damaged: checksum %08x, want %08x", sum, want)
	}
	return d.numbers(numbers, payload.Bytes(), int(samples))
}

// numbers decodes the payload of a block.
func (d *Decompressor) numbers(dst []uint32, payload []byte, samples int) ([]uint32, error) {
	coder := newRangeDecoder(payload)
	for range samples {
		for _, m := range d.models {
			v, ok := m.decode(coder)
			if !ok {
				return nil, formatErrorf("a number of a code is %d, want less than %d", v, m.count)
			}
			dst = append(dst, v)
		}
		if err := coder.err(); err != nil {
			return nil, formatErrorf("the numbers of a block are damaged: %v", err)
		}
	}
	return dst, nil
}
