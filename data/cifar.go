package data

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The binary version of CIFAR-10 and CIFAR-100 (A. Krizhevsky, "Learning
// Multiple Layers of Features from Tiny Images", 2009, and the page of the data
// sets): records of one label, or of a coarse and a fine one, and the red, the
// green and the blue plane of 32×32 bytes.
const (
	cifarSide  = 32
	cifarPlane = cifarSide * cifarSide
)

// cifar describes one of the two data sets.
type cifar struct {
	labels      int // bytes of a record before its pixels
	label       int // which of them
	classes     int
	names       string // the file of the classes' names
	folder      string // where the archive puts its files
	train, test []string
}

// openCIFAR10 opens cifar10:DIR.
func openCIFAR10(s *spec, split Split, _ Options) (Source, error) {
	return asSource(cifar{
		labels: 1, classes: 10, names: "batches.meta.txt", folder: "cifar-10-batches-bin",
		train: []string{"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
		test:  []string{"test_batch.bin"},
	}.read(s, split))
}

// openCIFAR100 opens cifar100:DIR, with the 100 fine or the 20 coarse classes.
func openCIFAR100(s *spec, split Split, _ Options) (Source, error) {
	c := cifar{
		labels: 2, label: 1, classes: 100, names: "fine_label_names.txt", folder: "cifar-100-binary",
		train: []string{"train.bin"}, test: []string{"test.bin"},
	}
	if s.has("coarse") {
		c.label, c.classes, c.names = 0, 20, "coarse_label_names.txt"
	}
	return asSource(c.read(s, split))
}

// read reads a part from the folder of the files, or the one above it.
func (c cifar) read(s *spec, split Split) (*Dataset, error) {
	names := c.train
	if split == Test {
		names = c.test
	}
	dir := s.path
	if _, err := os.Stat(filepath.Join(dir, names[0])); errors.Is(err, fs.ErrNotExist) {
		dir = filepath.Join(dir, c.folder)
	}
	d := &Dataset{Name: fmt.Sprintf("%s %s", s.text, split), H: cifarSide, W: cifarSide, C: 3}
	for _, name := range names {
		if err := c.readFile(d, s.path, filepath.Join(dir, name)); err != nil {
			return nil, err
		}
	}
	var err error
	d.Classes, err = c.readNames(filepath.Join(dir, c.names))
	return d, err
}

// readFile adds the records of a file to d.
func (c cifar) readFile(d *Dataset, dir, path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("data: %s: want the file %s of the binary version, in it or in %s, found neither", dir, filepath.Base(path), c.folder)
	}
	if err != nil {
		return fmt.Errorf("data: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		d.Pixels = slices.Grow(d.Pixels, int(info.Size()))
	}
	if err := c.readRecords(d, f); err != nil {
		return fmt.Errorf("data: %s: %w", path, err)
	}
	return nil
}

// readRecords adds the records of r, at least one, to d. Its errors do not name
// the file.
func (c cifar) readRecords(d *Dataset, r io.Reader) error {
	const size = 3 * cifarPlane
	record := make([]byte, c.labels+size)
	from := bufio.NewReaderSize(r, 1<<16)
	for i := 0; ; i++ {
		n, err := io.ReadFull(from, record)
		if err == io.EOF && i > 0 {
			return nil
		}
		if err != nil {
			return idxShort(err, fmt.Sprintf("want records of %d bytes, got %d whole ones and %d bytes", len(record), i, n))
		}
		label := record[c.label]
		if int(label) >= c.classes {
			return fmt.Errorf("record %d has label %d, want 0 to %d; this is no file of the binary version", i, label, c.classes-1)
		}
		d.N++
		d.Labels = append(d.Labels, label)
		at := len(d.Pixels)
		d.Pixels = append(d.Pixels, record[c.labels:]...)
		interleave(d.Pixels[at:], record[c.labels:])
	}
}

// interleave writes an image's three planes pixel by pixel.
func interleave(pixels, planes []byte) {
	red, green, blue := planes[:cifarPlane], planes[cifarPlane:][:cifarPlane], planes[2*cifarPlane:][:cifarPlane]
	for k := range cifarPlane {
		pixels[3*k], pixels[3*k+1], pixels[3*k+2] = red[k], green[k], blue[k]
	}
}

// readNames reads the names of the classes, one a line; nil if the file is not
// there.
func (c cifar) readNames(path string) ([]string, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 1<<16))
	if err != nil {
		return nil, fmt.Errorf("data: %s: %w", path, err)
	}
	var names []string
	for line := range bytes.Lines(text) {
		if name := strings.TrimSpace(string(line)); name != "" {
			names = append(names, name)
		}
	}
	if len(names) != c.classes {
		return nil, fmt.Errorf("data: %s: want the names of %d classes, got %d", path, c.classes, len(names))
	}
	return names, nil
}
