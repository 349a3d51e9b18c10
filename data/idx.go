package data

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/bits"
	"os"
	"path/filepath"
)

// An IDX file (Y. LeCun, "The MNIST database", the section on file formats) is
// a big-endian header, two zero bytes, a type code, the number of dimensions
// and a uint32 for each, then the elements, the last dimension fastest.
const idxUnsignedByte = 0x08

// idxMagic is the first word of an IDX file of bytes.
func idxMagic(dimensions int) uint32 { return idxUnsignedByte<<8 | uint32(dimensions) }

// readIDX reads an IDX file of unsigned bytes with the given number of
// dimensions from r to its very end, compressed by gzip or not. It returns the
// sizes, each at least 1, and as many bytes as their product says. Its memory
// is bounded by a small multiple of what the file really holds, whatever the
// header claims. Its errors do not name the file.
func readIDX(r io.Reader, dimensions int) (sizes []int, elements []byte, err error) {
	r, err = gunzip(r)
	if err != nil {
		return nil, nil, err
	}
	header := make([]byte, 4+4*dimensions)
	if n, err := io.ReadFull(r, header); err != nil {
		return nil, nil, idxShort(err, fmt.Sprintf("want an IDX header of %d bytes, got %d", len(header), n))
	}
	if got, want := binary.BigEndian.Uint32(header), idxMagic(dimensions); got != want {
		return nil, nil, fmt.Errorf("want magic 0x%08x (IDX, unsigned bytes, %d-dimensional), got 0x%08x%s",
			want, dimensions, got, idxGuess(got))
	}
	sizes = make([]int, dimensions)
	total := uint64(1)
	for i := range sizes {
		size := binary.BigEndian.Uint32(header[4+4*i:])
		high, low := bits.Mul64(total, uint64(size))
		if size == 0 || size > 1<<31-1 || high != 0 || low > 1<<62 {
			return nil, nil, fmt.Errorf("the header claims an impossible shape % x; the file is damaged, fetch it again", header[4:])
		}
		sizes[i], total = int(size), low
	}
	elements, err = readExactly(r, total)
	if err != nil {
		return nil, nil, err
	}
	return sizes, elements, nil
}

// gunzip looks at the first two bytes of r, not at a file name, to tell gzip
// from plain: an IDX file begins with zeros.
func gunzip(r io.Reader) (io.Reader, error) {
	b := bufio.NewReaderSize(r, 1<<16)
	start, err := b.Peek(2)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("read: %w", err)
	}
	if !bytes.Equal(start, []byte{0x1f, 0x8b}) {
		return b, nil
	}
	z, err := gzip.NewReader(b)
	if err != nil {
		return nil, idxShort(err, "want a gzip header")
	}
	return z, nil
}

// readExactly reads n bytes and makes sure that nothing follows. The buffer
// starts small and doubles as bytes arrive, so a header that lies about n costs
// no memory.
func readExactly(r io.Reader, n uint64) ([]byte, error) {
	const first = 1 << 20
	buffer := make([]byte, 0, min(n, first))
	for uint64(len(buffer)) < n {
		if len(buffer) == cap(buffer) {
			grown := make([]byte, len(buffer), min(n, 2*uint64(cap(buffer))))
			copy(grown, buffer)
			buffer = grown
		}
		got, err := io.ReadFull(r, buffer[len(buffer):cap(buffer)])
		buffer = buffer[:len(buffer)+got]
		if err != nil {
			return nil, idxShort(err, fmt.Sprintf("the header promises %d bytes of data, got %d", n, len(buffer)))
		}
	}
	// This read also makes gzip check its sum.
	var more [1]byte
	switch _, err := io.ReadFull(r, more[:]); {
	case err == nil:
		return nil, fmt.Errorf("the header promises %d bytes of data, got more; header or file is damaged, fetch it again", n)
	case err != io.EOF:
		return nil, idxShort(err, fmt.Sprintf("want the end of the file after %d bytes of data", n))
	}
	return buffer, nil
}

// idxShort explains an error met while reading. state says what was wanted and
// how far the reader came.
func idxShort(err error, state string) error {
	var corrupt flate.CorruptInputError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%s; the file is cut short, fetch it again", state)
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.As(err, &corrupt):
		return fmt.Errorf("%s, but %w; the file is damaged, fetch it again", state, err)
	}
	return fmt.Errorf("%s: %w", state, err)
}

// idxGuess names the usual mistake behind a wrong magic number.
func idxGuess(got uint32) string {
	switch {
	case got == idxMagic(1):
		return "; this is a file of labels, check the names"
	case got == idxMagic(3):
		return "; this is a file of images, check the names"
	}
	return "; this is no such file, fetch it again"
}

// readMNIST reads a split from the folder dir. The files have MNIST's names,
// with or without .gz; without a file of labels Labels is nil.
func readMNIST(dir string, split Split) (*Dataset, error) {
	d, err := readPair(dir, mnistPrefix(split))
	if err != nil {
		return nil, err
	}
	d.Name = fmt.Sprintf("mnist:%s %s", dir, split)
	return d, nil
}

// What the names of the files end with, but for .gz.
const (
	imagesSuffix = "-images-idx3-ubyte"
	labelsSuffix = "-labels-idx1-ubyte"
)

// missingImages tells of a folder without a prefix's images.
type missingImages struct{ dir, prefix string }

func (e *missingImages) Error() string {
	return fmt.Sprintf("data: %s: want the file %s%s or the same with .gz, found neither; check the folder's name", e.dir, e.prefix, imagesSuffix)
}

func (*missingImages) Unwrap() error { return fs.ErrNotExist }

// mnistPrefix is what the names of a split's files begin with.
func mnistPrefix(split Split) string {
	if split == Test {
		return "t10k"
	}
	return "train"
}

// readPair reads the images and labels whose files' names begin with prefix.
// Where there are no images the error wraps fs.ErrNotExist.
func readPair(dir, prefix string) (*Dataset, error) {
	images, err := findIDX(dir, prefix+imagesSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &missingImages{dir, prefix}
	}
	if err != nil {
		return nil, err
	}
	sizes, pixels, err := readIDXFile(images, 3)
	if err != nil {
		return nil, err
	}
	d := &Dataset{Name: images, N: sizes[0], H: sizes[1], W: sizes[2], C: 1, Pixels: pixels}
	if d.Labels, err = readLabels(dir, prefix, images, d.N); err != nil {
		return nil, err
	}
	return d, nil
}

// findIDX returns the path of name in dir, the plain file before the
// compressed one, or an error that wraps fs.ErrNotExist.
func findIDX(dir, name string) (string, error) {
	for _, suffix := range []string{"", ".gz"} {
		path := filepath.Join(dir, name+suffix)
		_, err := os.Stat(path)
		if err == nil {
			return path, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("data: want a readable folder of IDX files: %w", err)
		}
	}
	return "", fs.ErrNotExist
}

// readIDXFile is readIDX on a file, whose name its errors begin with.
func readIDXFile(path string, dimensions int) ([]int, []byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("data: %w", err)
	}
	defer f.Close()
	sizes, elements, err := readIDX(f, dimensions)
	if err != nil {
		return nil, nil, fmt.Errorf("data: %s: %w", path, err)
	}
	return sizes, elements, nil
}
