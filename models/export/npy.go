package export

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// WriteNPY writes an array as NumPy's .npy format, version 1.0: the magic
// string, the header's length as 2 bytes, the header padded so that the
// elements begin at a multiple of 64 bytes, then the elements, row-major and
// little-endian (NumPy Enhancement Proposal 1). It is an error when the shape
// does not hold len(values) elements.
func WriteNPY(w io.Writer, shape []int, values []float32) error {
	size, dims := 1, ""
	for _, d := range shape {
		size *= d
		dims += strconv.Itoa(d) + ","
	}
	if size != len(values) {
		return fmt.Errorf("export: npy: shape %v holds %d elements, got %d", shape, size, len(values))
	}
	if len(shape) > 1 { // Python writes the comma behind a single element alone
		dims = strings.ReplaceAll(strings.TrimSuffix(dims, ","), ",", ", ")
	}
	header := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }", dims)
	const prefix = 10
	header += strings.Repeat(" ", 63-(prefix+len(header))%64) + "\n"
	out := binary.LittleEndian.AppendUint16([]byte("\x93NUMPY\x01\x00"), uint16(len(header)))
	if _, err := w.Write(append(out, header...)); err != nil {
		return err
	}
	buffer := make([]byte, 0, 1<<16)
	for i, v := range values {
		buffer = binary.LittleEndian.AppendUint32(buffer, math.Float32bits(v))
		if len(buffer) == cap(buffer) || i == len(values)-1 {
			if _, err := w.Write(buffer); err != nil {
				return err
			}
			buffer = buffer[:0]
		}
	}
	return nil
}
