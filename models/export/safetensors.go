// Package export turns models, images and training histories into files that other programs read:
// safetensors, NPY, NPZ, pictures and TensorBoard event files. It knows bytes and numbers, no
// models. Equal input gives equal bytes; only an event file holds the time at which it was begun.
package export

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"
)

// DType names the element type of a Tensor as the safetensors format spells it.
type DType string

// The element types that Hourglass writes and reads, all little-endian in a file.
const (
	F32 DType = "F32"
	F64 DType = "F64"
	I32 DType = "I32"
	I64 DType = "I64"
	U8  DType = "U8"
)

// Element is a Go type that has a DType.
type Element interface {
	float32 | float64 | int32 | int64 | uint8
}

// Tensor is a named array: Shape outermost dimension first, empty for a scalar, and its elements in
// row-major order as little-endian bytes.
type Tensor struct {
	Name  string
	DType DType
	Shape []int
	Data  []byte
}

// Stream is a Tensor whose elements are not in memory: Write gives them, as they are in Data of a
// Tensor.
type Stream struct {
	Name  string
	DType DType
	Shape []int
	Write func(io.Writer) error
}

// metadataKey is the entry of the header that is not a tensor.
const metadataKey = "__metadata__"

// maxHeader is the longest header in bytes that the reference implementation reads.
const maxHeader = 100_000_000

// writeOrder lists the element types as the reference implementation orders them in a file: wide
// elements first, so that each tensor is aligned to its own element.
var writeOrder = []DType{I64, F64, F32, I32, U8}

// bytes is the size of one element, 0 for an unknown type.
func (d DType) bytes() int {
	switch d {
	case I64, F64:
		return 8
	case F32, I32:
		return 4
	case U8:
		return 1
	}
	return 0
}

// NewTensor copies values into a Tensor of the given shape. It is an error when the shape does not
// hold len(values) elements.
func NewTensor[T Element](name string, shape []int, values []T) (Tensor, error) {
	t := Tensor{Name: name, DType: dtypeOf[T](), Shape: slices.Clone(shape)}
	data, err := binary.Append(nil, binary.LittleEndian, values)
	if err != nil {
		return Tensor{}, fmt.Errorf("safetensors: tensor %q: %w", name, err)
	}
	t.Data = data
	return t, t.check()
}

// Values returns the elements of t in row-major order. It is an error when t holds another type; no
// number is converted.
func Values[T Element](t Tensor) ([]T, error) {
	if want := dtypeOf[T](); t.DType != want {
		return nil, fmt.Errorf("safetensors: tensor %q holds %s, want %s", t.Name, t.DType, want)
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	out := make([]T, len(t.Data)/t.DType.bytes())
	if _, err := binary.Decode(t.Data, binary.LittleEndian, out); err != nil {
		return nil, fmt.Errorf("safetensors: tensor %q: %w", t.Name, err)
	}
	return out, nil
}

func dtypeOf[T Element]() DType {
	var zero T
	switch any(zero).(type) {
	case float32:
		return F32
	case float64:
		return F64
	case int32:
		return I32
	case int64:
		return I64
	default:
		return U8
	}
}

// check holds type, shape and data against each other.
func (t Tensor) check() error {
	want, err := sizeOf(t.DType, t.Shape)
	if err != nil {
		return fmt.Errorf("safetensors: tensor %q: %w", t.Name, err)
	}
	if want != int64(len(t.Data)) {
		return fmt.Errorf("safetensors: tensor %q: %s%v wants %d bytes, got %d",
			t.Name, t.DType, t.Shape, want, len(t.Data))
	}
	return nil
}

// sizeOf returns the bytes that a shape takes.
func sizeOf(d DType, shape []int) (int64, error) {
	size := int64(d.bytes())
	if size == 0 {
		return 0, fmt.Errorf("element type %q, want one of %v", d, writeOrder)
	}
	for _, n := range shape {
		if n < 0 {
			return 0, fmt.Errorf("shape %v has a negative dimension", shape)
		}
		// A product that wraps round could pass for the size of a small tensor.
		if n > 0 && size > math.MaxInt64/int64(n) {
			return 0, fmt.Errorf("shape %v has more elements than 64 bits can count", shape)
		}
		size *= int64(n)
	}
	return size, nil
}

// entry is what the header says about one tensor. Pointers tell a missing field from a zero one.
type entry struct {
	DType   *DType  `json:"dtype"`
	Shape   *[]int  `json:"shape"`
	Offsets []int64 `json:"data_offsets"`
}

// WriteSafetensors writes tensors and metadata (may be nil) in the safetensors format: the header's
// length as 8 bytes, the header as JSON padded to a multiple of 8, then the elements. The order in
// the file is by element type, then by name, whatever the order of tensors, so equal content gives
// equal bytes. Names must be unique UTF-8 other than "__metadata__".
func WriteSafetensors(w io.Writer, tensors []Tensor, metadata map[string]string) error {
	streams := make([]Stream, len(tensors))
	for i, t := range tensors {
		if err := t.check(); err != nil {
			return err
		}
		streams[i] = Stream{t.Name, t.DType, t.Shape, func(w io.Writer) error {
			_, err := w.Write(t.Data)
			return err
		}}
	}
	return WriteStreams(w, streams, metadata)
}

// WriteStreams is WriteSafetensors of tensors that are not in memory. It is an error when one gives
// more or less than its type and shape say.
func WriteStreams(w io.Writer, tensors []Stream, metadata map[string]string) error {
	sorted := slices.Clone(tensors)
	sort.SliceStable(sorted, func(i, j int) bool {
		a, b := sorted[i], sorted[j]
		if a.DType != b.DType {
			return slices.Index(writeOrder, a.DType) < slices.Index(writeOrder, b.DType)
		}
		return a.Name < b.Name
	})
	header, sizes, err := encodeHeader(sorted, metadata)
	if err != nil {
		return err
	}
	if err := binary.Write(w, binary.LittleEndian, uint64(len(header))); err != nil {
		return fmt.Errorf("safetensors: %w", err)
	}
	if _, err := w.Write(header); err != nil {
		return fmt.Errorf("safetensors: %w", err)
	}
	for i, t := range sorted {
		counted := &counter{to: w}
		if err := t.Write(counted); err != nil {
			return fmt.Errorf("safetensors: tensor %q: %w", t.Name, err)
		}
		if counted.bytes != sizes[i] {
			return fmt.Errorf("safetensors: tensor %q: %s%v wants %d bytes, got %d", t.Name, t.DType, t.Shape, sizes[i], counted.bytes)
		}
	}
	return nil
}

// counter counts what is written.
type counter struct {
	to    io.Writer
	bytes int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.to.Write(b)
	c.bytes += int64(n)
	return n, err
}

// encodeHeader checks the tensors and lays them out one after the other. It returns their sizes in
// bytes too.
func encodeHeader(tensors []Stream, metadata map[string]string) ([]byte, []int64, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	if len(metadata) > 0 {
		for k, v := range metadata {
			if !utf8.ValidString(k) || !utf8.ValidString(v) {
				return nil, nil, fmt.Errorf("safetensors: metadata %q: %q is not UTF-8", k, v)
			}
		}
		if err := writeField(&b, metadataKey, metadata); err != nil {
			return nil, nil, err
		}
	}
	seen := make(map[string]bool, len(tensors))
	var offset int64
	var sizes []int64
	for _, t := range tensors {
		size, err := sizeOf(t.DType, t.Shape)
		if err != nil {
			return nil, nil, fmt.Errorf("safetensors: tensor %q: %w", t.Name, err)
		}
		sizes = append(sizes, size)
		if seen[t.Name] || t.Name == metadataKey || !utf8.ValidString(t.Name) {
			return nil, nil, fmt.Errorf("safetensors: tensor name %q is used twice, reserved or not UTF-8", t.Name)
		}
		seen[t.Name] = true
		shape := append([]int{}, t.Shape...) // a scalar's shape is [], not null
		end := offset + size
		if err := writeField(&b, t.Name, entry{&t.DType, &shape, []int64{offset, end}}); err != nil {
			return nil, nil, err
		}
		offset = end
	}
	b.WriteByte('}')
	for b.Len()%8 != 0 {
		b.WriteByte(' ')
	}
	if b.Len() > maxHeader {
		return nil, nil, fmt.Errorf("safetensors: header of %d bytes, want at most %d: shorten names or metadata", b.Len(), maxHeader)
	}
	return b.Bytes(), sizes, nil
}

// writeField appends "key":value to a JSON object that is being written.
func writeField(b *bytes.Buffer, key string, value any) error {
	if b.Len() > 1 {
		b.WriteByte(',')
	}
	for i, v := range []any{key, value} {
		if i == 1 {
			b.WriteByte(':')
		}
		e := json.NewEncoder(b)
		e.SetEscapeHTML(false) // the reference implementation writes < and & as they are
		if err := e.Encode(v); err != nil {
			return fmt.Errorf("safetensors: %q: %w", key, err)
		}
		b.Truncate(b.Len() - 1) // the encoder's newline
	}
	return nil
}

// OpenSafetensors reads the file at path; see ReadSafetensors.
func OpenSafetensors(path string) ([]Tensor, map[string]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("safetensors: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, fmt.Errorf("safetensors: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("safetensors: %s is not a regular file", path)
	}
	tensors, metadata, err := ReadSafetensors(f, info.Size())
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return tensors, metadata, nil
}

// ReadSafetensors reads a file of size bytes and returns its tensors in the order of their data.
//
// It believes nothing that it has not checked: the header's length, each tensor's type, shape and
// place are held against size before any data is read, and the tensors must fill the file without
// gap or overlap. It allocates no more than size plus a small multiple of the header. Tensors share
// one block of memory.
func ReadSafetensors(r io.ReaderAt, size int64) ([]Tensor, map[string]string, error) {
	sections, metadata, err := OpenSections(r, size)
	if err != nil || len(sections) == 0 {
		return nil, metadata, err
	}
	start := sections[0].Offset
	data := make([]byte, size-start)
	if _, err := io.ReadFull(io.NewSectionReader(r, start, size-start), data); err != nil {
		return nil, nil, fmt.Errorf("safetensors: reading %d bytes of data: %w", len(data), err)
	}
	tensors := make([]Tensor, len(sections))
	for i, s := range sections {
		begin, end := s.Offset-start, s.Offset-start+s.Bytes
		tensors[i] = Tensor{s.Name, s.DType, s.Shape, data[begin:end:end]}
	}
	return tensors, metadata, nil
}

// Section is a Tensor whose elements are Bytes bytes of a file, from Offset on.
type Section struct {
	Name          string
	DType         DType
	Shape         []int
	Offset, Bytes int64
}

// OpenSections is ReadSafetensors without the data: it reads the header and makes the same checks.
func OpenSections(r io.ReaderAt, size int64) ([]Section, map[string]string, error) {
	sections, metadata, err := readHeader(r, size)
	if err != nil {
		return nil, nil, fmt.Errorf("safetensors: %w", err)
	}
	return sections, metadata, nil
}

// readHeader returns the tensors in the order of their data.
func readHeader(r io.ReaderAt, size int64) ([]Section, map[string]string, error) {
	fail := func(format string, args ...any) ([]Section, map[string]string, error) {
		return nil, nil, fmt.Errorf(format, args...)
	}
	var prefix [8]byte
	if size < int64(len(prefix)) {
		return fail("file of %d bytes, want at least 8: not a safetensors file or cut short", size)
	}
	if _, err := r.ReadAt(prefix[:], 0); err != nil {
		return fail("reading the header's length: %w", err)
	}
	length := binary.LittleEndian.Uint64(prefix[:])
	if length > maxHeader || int64(length) > size-8 {
		return fail("header of %d bytes in a file of %d, want at most %d: not a safetensors file or cut short",
			length, size, min(maxHeader, size-8))
	}
	header := make([]byte, length)
	if _, err := io.ReadFull(io.NewSectionReader(r, 8, int64(length)), header); err != nil {
		return fail("reading the header: %w", err)
	}
	entries, metadata, err := parseHeader(header)
	if err != nil {
		return fail("header: %w", err)
	}
	sections, err := place(entries, 8+int64(length), size)
	if err != nil {
		return fail("%w", err)
	}
	return sections, metadata, nil
}

// named is a header entry with its key.
type named struct {
	name string
	entry
}

// parseHeader reads the JSON object token by token, because encoding/json would let the last of two
// equal keys win in silence.
func parseHeader(header []byte) (entries []named, metadata map[string]string, err error) {
	if len(header) == 0 || header[0] != '{' {
		return nil, nil, fmt.Errorf("want a JSON object that starts with {")
	}
	if !utf8.Valid(header) {
		return nil, nil, fmt.Errorf("not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(header))
	d.DisallowUnknownFields()
	if _, err := d.Token(); err != nil {
		return nil, nil, err
	}
	seen := map[string]bool{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, nil, err
		}
		name, ok := key.(string)
		if !ok || seen[name] {
			return nil, nil, fmt.Errorf("key %q appears twice", name)
		}
		seen[name] = true
		if name == metadataKey {
			if err := d.Decode(&metadata); err != nil {
				return nil, nil, fmt.Errorf("metadata wants strings: %w", err)
			}
			continue
		}
		e := named{name: name}
		if err := d.Decode(&e.entry); err != nil {
			return nil, nil, fmt.Errorf("tensor %q: %w", name, err)
		}
		entries = append(entries, e)
	}
	if _, err := d.Token(); err != nil {
		return nil, nil, err
	}
	if rest := strings.TrimLeft(string(header[d.InputOffset():]), " \t\r\n"); rest != "" {
		return nil, nil, fmt.Errorf("%.20q follows the JSON object", rest)
	}
	return entries, metadata, nil
}

// place checks that the entries are well formed and fill a file of so many bytes from start on, and
// returns them in the order of their data. Offsets in entries count from start.
func place(entries []named, start, size int64) ([]Section, error) {
	for _, e := range entries {
		if e.DType == nil || e.Shape == nil || len(e.Offsets) != 2 {
			return nil, fmt.Errorf("tensor %q: want dtype, shape and two data_offsets", e.name)
		}
	}
	sort.SliceStable(entries, func(i, j int) bool {
		a, b := entries[i].Offsets, entries[j].Offsets
		return a[0] < b[0] || a[0] == b[0] && a[1] < b[1]
	})
	sections := make([]Section, 0, len(entries))
	at, whole := int64(0), size-start
	for _, e := range entries {
		begin, end := e.Offsets[0], e.Offsets[1]
		if begin != at || end < begin || end > whole {
			return nil, fmt.Errorf("tensor %q: data at [%d, %d), want it to begin at %d, where the one before ends, and to end by %d: corrupt or cut short",
				e.name, begin, end, at, whole)
		}
		want, err := sizeOf(*e.DType, *e.Shape)
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", e.name, err)
		}
		if want != end-begin {
			return nil, fmt.Errorf("tensor %q: %s%v wants %d bytes, got %d", e.name, *e.DType, *e.Shape, want, end-begin)
		}
		sections = append(sections, Section{e.name, *e.DType, *e.Shape, start + begin, end - begin})
		at = end
	}
	if at != whole {
		return nil, fmt.Errorf("the tensors take %d bytes of data, the file holds %d", at, whole)
	}
	return sections, nil
}
