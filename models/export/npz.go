package export

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// npyTypes names the element types as NumPy does.
var npyTypes = map[DType]string{F32: "<f4", F64: "<f8", I32: "<i4", I64: "<i8", U8: "|u1"}

// npyHead matches a header as NumPy writes it.
var npyHead = regexp.MustCompile(`^\{'descr': '([^']*)', 'fortran_order': (True|False), 'shape': \(([0-9, ]*)\), \} *\n?$`)

// WriteNPZ writes tensors as NumPy's .npz format: a zip file, not compressed, with
// an array name.npy for each. The order is that of tensors, no time is written, so
// equal content gives equal bytes. Names must be unique.
func WriteNPZ(w io.Writer, tensors []Tensor) error {
	archive := zip.NewWriter(w)
	seen := map[string]bool{}
	for _, t := range tensors {
		if err := t.check(); err != nil {
			return err
		}
		if seen[t.Name] || t.Name == "" {
			return fmt.Errorf("npz: the name %q is used twice or empty", t.Name)
		}
		seen[t.Name] = true
		entry, err := archive.CreateHeader(&zip.FileHeader{Name: t.Name + ".npy", Method: zip.Store})
		if err != nil {
			return fmt.Errorf("npz: %s: %w", t.Name, err)
		}
		if err = writeNPYHeader(entry, npyTypes[t.DType], t.Shape); err == nil {
			_, err = entry.Write(t.Data)
		}
		if err != nil {
			return fmt.Errorf("npz: %s: %w", t.Name, err)
		}
	}
	if err := archive.Close(); err != nil {
		return fmt.Errorf("npz: %w", err)
	}
	return nil
}

// OpenNPZ reads the file at path; see ReadNPZ.
func OpenNPZ(path string) ([]Tensor, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("npz: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("npz: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("npz: %s is not a regular file", path)
	}
	tensors, err := ReadNPZ(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return tensors, nil
}

// ReadNPZ reads a file of size bytes, compressed or not, and returns its arrays in
// their order, row-major. An array's shape is held to the bytes that are there
// before anything is made of it, and those to what the compressed bytes can be.
func ReadNPZ(r io.ReaderAt, size int64) ([]Tensor, error) {
	archive, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("npz: not a zip file: %w", err)
	}
	var tensors []Tensor
	seen, total := map[string]bool{}, uint64(0)
	for _, entry := range archive.File {
		name, ok := strings.CutSuffix(entry.Name, ".npy")
		if !ok || name == "" || seen[name] {
			return nil, fmt.Errorf("npz: entry %q: want NAME.npy, each name once", entry.Name)
		}
		seen[name] = true
		// Entries may lie over each other, so that many claim the same bytes.
		if total += entry.CompressedSize64; total > uint64(size) {
			return nil, fmt.Errorf("npz: entry %q: the entries take %d bytes and more, the file holds %d", entry.Name, total, size)
		}
		t, err := readNPYEntry(entry)
		if err != nil {
			return nil, fmt.Errorf("npz: entry %q: %w", entry.Name, err)
		}
		t.Name = name
		tensors = append(tensors, t)
	}
	return tensors, nil
}

// mostDeflate is how much longer than its compressed form data can be: no code of
// the deflate format stands for more (RFC 1951).
const mostDeflate = 1032

// readNPYEntry reads an array.
func readNPYEntry(entry *zip.File) (Tensor, error) {
	if entry.UncompressedSize64/mostDeflate > entry.CompressedSize64 {
		return Tensor{}, fmt.Errorf("%d bytes that come from %d: corrupt", entry.UncompressedSize64, entry.CompressedSize64)
	}
	f, err := entry.Open()
	if err != nil {
		return Tensor{}, err
	}
	defer f.Close()
	t, fortran, err := readNPYHead(f)
	if err != nil {
		return Tensor{}, err
	}
	want, err := sizeOf(t.DType, t.Shape)
	if err != nil {
		return Tensor{}, err
	}
	if uint64(want) > entry.UncompressedSize64 {
		return Tensor{}, fmt.Errorf("%s%v wants %d bytes, the entry holds %d", t.DType, t.Shape, want, entry.UncompressedSize64)
	}
	var data bytes.Buffer // which grows with what is there
	n, err := io.Copy(&data, io.LimitReader(f, want+1))
	if err != nil {
		return Tensor{}, err
	}
	if n != want {
		return Tensor{}, fmt.Errorf("%s%v wants %d bytes of elements, not less or more", t.DType, t.Shape, want)
	}
	t.Data = data.Bytes()
	if fortran {
		t.Data = rowMajor(t)
	}
	return t, nil
}

// readNPYHead reads what stands in front of the elements.
func readNPYHead(r io.Reader) (t Tensor, fortran bool, err error) {
	var prefix [10]byte
	if _, err := io.ReadFull(r, prefix[:]); err != nil {
		return t, false, fmt.Errorf("its header: %w", err)
	}
	if string(prefix[:7]) != "\x93NUMPY\x01" {
		return t, false, errors.New("want an array in NumPy's format 1.0")
	}
	text := make([]byte, binary.LittleEndian.Uint16(prefix[8:]))
	if _, err := io.ReadFull(r, text); err != nil {
		return t, false, fmt.Errorf("its header: %w", err)
	}
	match := npyHead.FindStringSubmatch(string(text))
	if match == nil {
		return t, false, fmt.Errorf("header %.80q is not as NumPy writes it", text)
	}
	for ours, theirs := range npyTypes {
		if theirs == match[1] {
			t.DType = ours
		}
	}
	if t.DType == "" {
		return t, false, fmt.Errorf("elements of type %q, want <f4, <f8, <i4, <i8 or |u1: save x.astype(numpy.float32)", match[1])
	}
	t.Shape = []int{}
	for _, d := range strings.FieldsFunc(match[3], func(r rune) bool { return r == ',' || r == ' ' }) {
		n, err := strconv.Atoi(d)
		if err != nil {
			return t, false, fmt.Errorf("shape (%s): %w", match[3], err)
		}
		t.Shape = append(t.Shape, n)
	}
	return t, match[2] == "True", nil
}

// rowMajor returns the elements of t, which lie column-major.
func rowMajor(t Tensor) []byte {
	width := t.DType.bytes()
	out := make([]byte, 0, len(t.Data))
	strides, step := make([]int, len(t.Shape)), width
	for axis, d := range t.Shape {
		strides[axis] = step
		step *= d
	}
	index, at := make([]int, len(t.Shape)), 0
	for len(out) < len(t.Data) {
		out = append(out, t.Data[at:at+width]...)
		for axis := len(index) - 1; axis >= 0; axis-- {
			index[axis]++
			at += strides[axis]
			if index[axis] < t.Shape[axis] {
				break
			}
			at -= strides[axis] * t.Shape[axis]
			index[axis] = 0
		}
	}
	return out
}
