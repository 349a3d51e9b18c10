package export

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// NPY writes an array as NumPy's .npy format, version 1.0, piece by piece: the
// magic string, the header's length as 2 bytes, the header padded so that the
// elements begin at a multiple of 64 bytes, then the elements, row-major and
// little-endian (NumPy Enhancement Proposal 1).
type NPY struct {
	w       io.Writer
	shape   []int
	missing int
	buffer  []byte
}

// NewNPY writes the header of an array float32 of the given shape. It does not
// buffer small writes beyond those of one call of Write.
func NewNPY(w io.Writer, shape ...int) (*NPY, error) {
	n := &NPY{w: w, shape: shape, missing: 1, buffer: make([]byte, 0, 1<<16)}
	for _, d := range shape {
		if d < 0 {
			return nil, fmt.Errorf("export: npy: shape %v, want no negative size", shape)
		}
		n.missing *= d
	}
	return n, writeNPYHeader(w, "<f4", shape)
}

// writeNPYHeader writes what comes before the elements; descr is their type as
// NumPy writes it.
func writeNPYHeader(w io.Writer, descr string, shape []int) error {
	dims := ""
	for _, d := range shape {
		dims += strconv.Itoa(d) + ","
	}
	if len(shape) > 1 { // Python writes the comma behind a single element alone
		dims = strings.ReplaceAll(strings.TrimSuffix(dims, ","), ",", ", ")
	}
	header := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, dims)
	const prefix = 10
	header += strings.Repeat(" ", 63-(prefix+len(header))%64) + "\n"
	out := binary.LittleEndian.AppendUint16([]byte("\x93NUMPY\x01\x00"), uint16(len(header)))
	_, err := w.Write(append(out, header...))
	return err
}

// WriteBytesNPY writes an array uint8 of one dimension, such as labels.
func WriteBytesNPY(w io.Writer, values []uint8) error {
	if err := writeNPYHeader(w, "|u1", []int{len(values)}); err != nil {
		return err
	}
	_, err := w.Write(values)
	return err
}

// Write writes the next elements. More than the shape holds are an error.
func (n *NPY) Write(values []float32) error {
	if len(values) > n.missing {
		return fmt.Errorf("export: npy: %d elements more than the shape %v holds", len(values)-n.missing, n.shape)
	}
	n.missing -= len(values)
	n.buffer = n.buffer[:0]
	for i, v := range values {
		n.buffer = binary.LittleEndian.AppendUint32(n.buffer, math.Float32bits(v))
		if len(n.buffer) == cap(n.buffer) || i == len(values)-1 {
			if _, err := n.w.Write(n.buffer); err != nil {
				return err
			}
			n.buffer = n.buffer[:0]
		}
	}
	return nil
}

// Close returns an error if elements are missing.
func (n *NPY) Close() error {
	if n.missing > 0 {
		return fmt.Errorf("export: npy: %d elements are missing of shape %v", n.missing, n.shape)
	}
	return nil
}

// WriteNPY writes a whole array; see [NPY]. It is an error when the shape does
// not hold len(values) elements.
func WriteNPY(w io.Writer, shape []int, values []float32) error {
	size := 1
	for _, d := range shape {
		size *= d
	}
	if size != len(values) {
		return fmt.Errorf("export: npy: shape %v holds %d elements, got %d", shape, size, len(values))
	}
	n, err := NewNPY(w, shape...)
	if err != nil {
		return err
	}
	return n.Write(values)
}
