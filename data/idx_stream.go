package data

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// openLargePair opens the images and labels whose files' names begin with
// prefix if the images are more than the memory limit; else, and if there are
// none, it returns nil. They stay in their file, which must be a plain one.
func openLargePair(dir, prefix string, o Options) (*idxImages, error) {
	path, err := findIDX(dir, prefix+imagesSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	large, compressed, err := idxExceeds(path, o.Memory())
	switch {
	case err != nil:
		return nil, fmt.Errorf("data: %s: %w", path, err)
	case !large:
		return nil, nil
	case compressed:
		return nil, fmt.Errorf("data: %s: its images are more than the memory limit of %d bytes, and single samples of a compressed file cannot be read; gunzip it, or raise the limit (--memory)", path, o.Memory())
	}
	set, err := openImages(path)
	if err != nil {
		return nil, err
	}
	set.info.Labels, err = readLabels(dir, prefix, path, set.info.N)
	return set, err
}

// idxExceeds reports whether an IDX file claims more elements than limit, and
// whether it is compressed. What is wrong with the header shows when the file
// is read.
func idxExceeds(path string, limit int64) (large, compressed bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return false, false, err
	}
	defer f.Close()
	var start [2]byte
	if _, err := io.ReadFull(f, start[:]); err != nil {
		return false, false, nil
	}
	compressed = start == [2]byte{0x1f, 0x8b}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return false, compressed, err
	}
	r, err := gunzip(f)
	if err != nil {
		return false, compressed, nil
	}
	var header [16]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return false, compressed, nil
	}
	total := 1.0
	for i := 4; i < 16; i += 4 {
		total *= float64(binary.BigEndian.Uint32(header[i:]))
	}
	return total > float64(limit), compressed, nil
}

// idxImages is the images of a plain IDX file, which stay there.
type idxImages struct {
	file *os.File
	path string
	info Info
}

// openImages opens a plain IDX file of images, whose length must be what its header
// says.
func openImages(path string) (*idxImages, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	set, err := newIDXImages(f, path)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("data: %s: %w", path, err)
	}
	return set, nil
}

func newIDXImages(f *os.File, path string) (*idxImages, error) {
	stat, err := f.Stat()
	if err != nil {
		return nil, err
	}
	var header [idxImagesHeader]byte
	if _, err := io.ReadFull(f, header[:]); err != nil {
		return nil, idxShort(err, "want an IDX header of 16 bytes")
	}
	if got, want := binary.BigEndian.Uint32(header[:]), idxMagic(3); got != want {
		return nil, fmt.Errorf("want magic 0x%08x (IDX, unsigned bytes, 3-dimensional), got 0x%08x%s", want, got, idxGuess(got))
	}
	var sizes [3]int
	for i := range sizes {
		sizes[i] = int(binary.BigEndian.Uint32(header[4+4*i:]))
	}
	have := stat.Size() - idxImagesHeader
	n, h, w := int64(sizes[0]), int64(sizes[1]), int64(sizes[2])
	switch {
	case n < 1 || h < 1 || w < 1 || n >= 1<<31 || h >= 1<<15 || w >= 1<<15:
		return nil, fmt.Errorf("the header claims an impossible shape % x; the file is damaged, fetch it again", header[4:])
	case have%(h*w) != 0 || have/(h*w) != n:
		return nil, fmt.Errorf("the header promises %d images of %d bytes, the file holds %d bytes of them; it is damaged, fetch it again", n, h*w, have)
	}
	return &idxImages{f, path, Info{N: sizes[0], H: sizes[1], W: sizes[2], C: 1}}, nil
}

// idxImagesHeader is the length of the header of a file of images.
const idxImagesHeader = 16

// Info describes the images.
func (f *idxImages) Info() Info { return f.info }

// Read reads images from the file; see [Source].
func (f *idxImages) Read(dst []float32, index []int32) error { return readScaled(f, dst, index) }

// ReadBytes reads images from the file; see [ByteSource].
func (f *idxImages) ReadBytes(dst []byte, index []int32) error {
	if err := wantRead(f.info, index, len(dst)); err != nil {
		return err
	}
	size := f.info.SampleSize()
	for k, i := range index {
		if _, err := f.file.ReadAt(dst[k*size:][:size], idxImagesHeader+int64(i)*int64(size)); err != nil {
			return fmt.Errorf("data: %s: image %d: %w", f.path, i, err)
		}
	}
	return nil
}

// readLabels reads the labels that belong to the n images in a file, or returns
// nil where there are none.
func readLabels(dir, prefix, images string, n int) ([]uint8, error) {
	path, err := findIDX(dir, prefix+labelsSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	sizes, labels, err := readIDXFile(path, 1)
	if err != nil {
		return nil, err
	}
	if sizes[0] != n {
		return nil, fmt.Errorf("data: %s: want %d labels, as many as there are images in %s, got %d; the files do not belong together",
			path, n, filepath.Base(images), sizes[0])
	}
	return labels, nil
}
