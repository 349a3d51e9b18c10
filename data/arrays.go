package data

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"sync"
)

// layouts tells for the axes of an array, by their number, what they are unless
// the option layout says otherwise. n counts samples.
var layouts = map[int]string{1: "n", 2: "nc", 3: "nhw", 4: "nhwc"}

// layoutWords are the values of the option layout.
var layoutWords = []string{"nc", "nw", "nhw", "nwc", "ncw", "nhwc", "nchw"}

// arrayFile is an array in a file: its header and its elements.
type arrayFile struct {
	name string // for messages: the file's, and behind a colon the array's
	npyArray
	elements io.ReaderAt // from the first element on
}

// arraySource reads samples from an array as they are asked for.
type arraySource struct {
	info    Info
	array   *arrayFile
	strides [3]int // of row, column and channel within a sample, in elements
	plain   bool   // the elements of a sample lie in the order of Source.Read
	scaled  bool
	low     float32
	factor  float32
	free    bool // any finite number is good
	raw     sync.Pool
}

// arrayBytes is an arraySource of uint8 that are not scaled.
type arrayBytes struct{ *arraySource }

// openNPYFile reads the header of an NPY file and checks that the elements it
// promises are there. The file stays open until it is collected.
func openNPYFile(path string) (*arrayFile, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() { // opening a pipe might wait for ever
		err = fmt.Errorf("%s: want an NPY file, got a folder, a pipe or a device", path)
	}
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	a, err := newArrayFile(path, f, info.Size())
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("data: %s: %w", path, err)
	}
	return a, nil
}

// newArrayFile reads an array of size bytes, header included.
func newArrayFile(name string, at io.ReaderAt, size int64) (*arrayFile, error) {
	header, err := readNPYHeader(io.NewSectionReader(at, 0, size))
	if err != nil {
		return nil, err
	}
	if got := size - header.start; got != header.bytes() {
		return nil, fmt.Errorf("the header promises %s, %d bytes, got %d; the file is damaged or holds several arrays", header, header.bytes(), got)
	}
	a := &arrayFile{name: name, npyArray: *header, elements: io.NewSectionReader(at, header.start, size-header.start)}
	if a.fortran && len(a.shape) > 1 {
		return a, a.transpose()
	}
	return a, nil
}

// readAt fills part from the elements, from the byte at on.
func (a *arrayFile) readAt(part []byte, at int64) error {
	n, err := a.elements.ReadAt(part, at)
	if n == len(part) { // ReadAt may tell of the end of the file beside that
		return nil
	}
	return fmt.Errorf("data: %s: %w", a.name, idxShort(err, fmt.Sprintf("want %d bytes at %d of the elements, got %d", len(part), at, n)))
}

// transpose reads all elements, of which the first index runs fastest, and puts
// them in the other order: a sample lies scattered over the whole file.
func (a *arrayFile) transpose() error {
	from, err := readExactly(io.NewSectionReader(a.elements, 0, a.bytes()), uint64(a.bytes()))
	if err != nil {
		return err
	}
	to := make([]byte, len(from))
	index := make([]int, len(a.shape))
	steps := make([]int, len(a.shape)) // in from, in bytes
	step := a.width
	for k, size := range a.shape {
		steps[k] = step
		step *= size
	}
	for at, source := 0, 0; at < len(to); at += a.width {
		copy(to[at:at+a.width], from[source:])
		for k := len(index) - 1; k >= 0; k-- {
			index[k]++
			source += steps[k]
			if index[k] < a.shape[k] {
				break
			}
			source -= steps[k] * a.shape[k]
			index[k] = 0
		}
	}
	a.elements, a.fortran = bytes.NewReader(to), false
	return nil
}

// openNPZ returns an array of an NPZ file, which is a ZIP file of NPY files. One
// that is stored is read from the file as it is needed, a compressed one now.
func openNPZ(path, key string) (*arrayFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	a, err := openNPZKey(f, path, key)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("data: %s: %w", path, err)
	}
	return a, nil
}

// errNoArray tells that an NPZ file lacks an array.
var errNoArray = errors.New("the file has no such array")

func openNPZKey(f *os.File, path, key string) (*arrayFile, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	z, err := zip.NewReader(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("want an NPZ file (a ZIP file of NPY files): %w", err)
	}
	var names []string
	for _, entry := range z.File {
		name := strings.TrimSuffix(entry.Name, ".npy")
		if name != key {
			names = append(names, name)
			continue
		}
		a, err := openEntry(f, info.Size(), path+":"+key, entry)
		if err != nil {
			return nil, fmt.Errorf("array %s: %w", key, err)
		}
		return a, nil
	}
	return nil, fmt.Errorf("array %q: %w; it has %s", key, errNoArray, strings.Join(names, ", "))
}

func openEntry(f io.ReaderAt, size int64, name string, entry *zip.File) (*arrayFile, error) {
	if entry.Method == zip.Store {
		start, err := entry.DataOffset()
		if err != nil {
			return nil, err
		}
		length := entry.UncompressedSize64
		if start > size || length > uint64(size-start) {
			return nil, fmt.Errorf("wants %d bytes at %d of a file of %d; the file is cut short", length, start, size)
		}
		return newArrayFile(name, io.NewSectionReader(f, start, int64(length)), int64(length))
	}
	r, err := entry.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	content, err := readExactly(r, entry.UncompressedSize64)
	if err != nil {
		return nil, err
	}
	return newArrayFile(name, bytes.NewReader(content), int64(len(content)))
}

// newArraySource makes samples of an array. layout names its axes, "" for those
// of layouts; bounds, if not nil, are the numbers that stand for 0 and 1.
func newArraySource(name string, a *arrayFile, layout string, bounds *[2]float32) (*arraySource, error) {
	if layout == "" {
		layout = layouts[len(a.shape)]
	}
	if len(layout) != len(a.shape) || layout == "" {
		return nil, fmt.Errorf("data: %s: the array is %s, want samples along the first of 1 to 4 axes, as the option layout names them (%s)", a.name, a, strings.Join(layoutWords, ", "))
	}
	s := &arraySource{info: Info{Name: name, N: a.shape[0], H: 1, W: 1, C: 1}, array: a, factor: 1}
	step := 1
	for k := len(layout) - 1; k > 0; k-- {
		size := a.shape[k]
		switch layout[k] {
		case 'h':
			s.info.H, s.strides[0] = size, step
		case 'w':
			s.info.W, s.strides[1] = size, step
		case 'c':
			s.info.C, s.strides[2] = size, step
		}
		step *= size
	}
	if step == 0 || s.info.N == 0 {
		return nil, fmt.Errorf("data: %s: the array is %s, want at least one sample of at least one element", a.name, a)
	}
	if s.info.N > math.MaxInt32 {
		return nil, fmt.Errorf("data: %s: the array is %s, want at most %d samples", a.name, a, math.MaxInt32)
	}
	s.plain = layout != "ncw" && layout != "nchw"
	if bounds != nil {
		s.scaled, s.low, s.factor = true, bounds[0], 1/(bounds[1]-bounds[0])
		for range s.info.C {
			s.info.Low, s.info.High = append(s.info.Low, bounds[0]), append(s.info.High, bounds[1])
		}
	} else if (a.kind == 'u' || a.kind == 'i') && !s.isBytes() {
		return nil, fmt.Errorf("data: %s: the array is %s, want uint8, bool or floating point; or give the numbers that stand for 0 and 1, as scale=0..255", a.name, a)
	}
	return s, nil
}

func (s *arraySource) isBytes() bool {
	return !s.scaled && s.array.kind == 'u' && s.array.width == 1
}

// Info describes the samples.
func (s *arraySource) Info() Info { return s.info }

// sample reads the bytes of one sample into a buffer of the pool.
func (s *arraySource) sample(i int32) (*[]byte, error) {
	size := s.info.SampleSize() * s.array.width
	raw, ok := s.raw.Get().(*[]byte)
	if !ok {
		raw = new([]byte)
		*raw = make([]byte, size)
	}
	if err := s.array.readAt(*raw, int64(i)*int64(size)); err != nil {
		s.raw.Put(raw)
		return nil, err
	}
	return raw, nil
}

// Read writes samples as numbers; see [Source].
func (s *arraySource) Read(dst []float32, index []int32) error {
	size := s.info.SampleSize()
	if err := wantRead(s.info, index, len(dst)); err != nil {
		return err
	}
	var natural []float32
	if !s.plain {
		natural = make([]float32, size)
	}
	for k, i := range index {
		raw, err := s.sample(i)
		if err != nil {
			return err
		}
		to := dst[k*size:][:size]
		if s.plain {
			s.array.floats(to, *raw)
		} else {
			s.array.floats(natural, *raw)
			gather(s, to, natural)
		}
		s.raw.Put(raw)
		if err := s.scale(to, i); err != nil {
			return err
		}
	}
	return nil
}

// scale maps the numbers of sample i to 0 … 1 and makes sure that they lie there.
func (s *arraySource) scale(values []float32, i int32) error {
	if s.isBytes() {
		for k := range values {
			values[k] *= unit
		}
		return nil
	}
	for k, v := range values {
		scaled := v
		if s.scaled {
			scaled = mul(v-s.low, s.factor)
		}
		if s.free && v-v == 0 {
			continue
		}
		if !(scaled >= 0 && scaled <= 1) {
			return s.outside(v, i)
		}
		values[k] = scaled
	}
	return nil
}

func (s *arraySource) outside(v float32, i int32) error {
	if s.free {
		return fmt.Errorf("data: %s: sample %d holds %v, want finite numbers", s.array.name, i, v)
	}
	if s.scaled {
		return fmt.Errorf("data: %s: sample %d holds %v, want numbers within the option's scale=%v..%v", s.array.name, i, v, s.info.Low[0], s.info.High[0])
	}
	return fmt.Errorf("data: %s: sample %d holds %v, want numbers from 0 to 1; or give those that stand for 0 and 1, as scale=-1..1", s.array.name, i, v)
}

// ReadBytes writes samples as bytes; see [ByteSource].
func (s arrayBytes) ReadBytes(dst []byte, index []int32) error {
	size := s.info.SampleSize()
	if err := wantRead(s.info, index, len(dst)); err != nil {
		return err
	}
	for k, i := range index {
		raw, err := s.sample(i)
		if err != nil {
			return err
		}
		to := dst[k*size:][:size]
		if s.plain {
			copy(to, *raw)
		} else {
			gather(s.arraySource, to, *raw)
		}
		s.raw.Put(raw)
	}
	return nil
}

// gather puts the elements of a sample in the order row, column, channel.
func gather[E any](s *arraySource, to, from []E) {
	at := 0
	for h := range s.info.H {
		for w := range s.info.W {
			base := h*s.strides[0] + w*s.strides[1]
			for c := range s.info.C {
				to[at] = from[base+c*s.strides[2]]
				at++
			}
		}
	}
}

// parseBounds reads MIN..MAX.
func parseBounds(text string) (bounds [2]float32, ok bool) {
	low, high, ok := strings.Cut(text, "..")
	a, err1 := strconv.ParseFloat(low, 32)
	b, err2 := strconv.ParseFloat(high, 32)
	ok = ok && err1 == nil && err2 == nil && a < b && !math.IsInf(b-a, 0)
	return [2]float32{float32(a), float32(b)}, ok
}

// labelsOf reads all of an array as n classes: one whole number from 0 to 255
// each.
func labelsOf(a *arrayFile, n int) ([]uint8, error) {
	rows, each := 0, 1
	for k, size := range a.shape {
		if k == 0 {
			rows = size
		} else {
			each *= size
		}
	}
	if a.kind == 'f' || each != 1 || rows != n {
		return nil, fmt.Errorf("data: %s: the array is %s, want labels: %d whole numbers, one for each sample", a.name, a, n)
	}
	labels := make([]uint8, n)
	raw := make([]byte, 4096*a.width)
	values := make([]float32, 4096)
	for from := 0; from < n; from += len(values) {
		count := min(len(values), n-from)
		part := raw[:count*a.width]
		if err := a.readAt(part, int64(from)*int64(a.width)); err != nil {
			return nil, err
		}
		a.floats(values[:count], part)
		for k, v := range values[:count] {
			if v < 0 || v > 255 {
				return nil, fmt.Errorf("data: %s: label %d is %v, want classes from 0 to 255", a.name, from+k, v)
			}
			labels[from+k] = uint8(v)
		}
	}
	return labels, nil
}
