package export

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"
)

// TestWriteNPY holds the bytes to those that numpy.save of NumPy 2 writes.
func TestWriteNPY(t *testing.T) {
	for _, c := range []struct {
		shape  []int
		header string
	}{
		{[]int{2, 3}, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"},
		{[]int{6}, "{'descr': '<f4', 'fortran_order': False, 'shape': (6,), }"},
		{[]int{1, 2, 3, 1}, "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 3, 1), }"},
	} {
		values := []float32{0, 1, -2.5, float32(math.Inf(1)), math.SmallestNonzeroFloat32, 1e30}
		var got bytes.Buffer
		if err := WriteNPY(&got, c.shape, values); err != nil {
			t.Fatal(err)
		}
		want := append([]byte("\x93NUMPY\x01\x00\x76\x00"), c.header...)
		for len(want) < 127 {
			want = append(want, ' ')
		}
		want = append(want, '\n')
		for _, v := range values {
			want = binary.LittleEndian.AppendUint32(want, math.Float32bits(v))
		}
		if !bytes.Equal(got.Bytes(), want) {
			t.Errorf("shape %v:\n%q, want\n%q", c.shape, got.Bytes(), want)
		}
	}
}

// TestWriteNPYLong crosses the writer's buffer.
func TestWriteNPYLong(t *testing.T) {
	values := make([]float32, 1<<15+3)
	for i := range values {
		values[i] = float32(i)
	}
	var got bytes.Buffer
	if err := WriteNPY(&got, []int{len(values)}, values); err != nil {
		t.Fatal(err)
	}
	body := got.Bytes()[128:]
	if len(body) != 4*len(values) {
		t.Fatalf("%d bytes of elements, want %d", len(body), 4*len(values))
	}
	for i := range values {
		if v := math.Float32frombits(binary.LittleEndian.Uint32(body[4*i:])); v != values[i] {
			t.Fatalf("element %d is %g, want %g", i, v, values[i])
		}
	}
	if err := WriteNPY(&got, []int{2, 2}, values[:3]); err == nil {
		t.Error("3 elements for the shape [2 2]: no error")
	}
}

// TestNPYPieces: pieces make the bytes of the whole, and too many or too few
// elements are errors.
func TestNPYPieces(t *testing.T) {
	var whole, pieces bytes.Buffer
	values := []float32{1, 2, 3, 4, 5, 6}
	if err := WriteNPY(&whole, []int{3, 2}, values); err != nil {
		t.Fatal(err)
	}
	n, err := NewNPY(&pieces, 3, 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range [][]float32{values[:4], nil, values[4:5]} {
		if err := n.Write(part); err != nil {
			t.Fatal(err)
		}
	}
	if n.Close() == nil {
		t.Error("an element is missing: no error")
	}
	if n.Write(values[:2]) == nil {
		t.Error("an element too many: no error")
	}
	if err := n.Write(values[5:]); err != nil || n.Close() != nil {
		t.Error("the last element:", err)
	}
	if !bytes.Equal(whole.Bytes(), pieces.Bytes()) {
		t.Error("pieces give other bytes than the whole")
	}
}

func TestWriteBytesNPY(t *testing.T) {
	var got bytes.Buffer
	if err := WriteBytesNPY(&got, []uint8{7, 0, 255}); err != nil {
		t.Fatal(err)
	}
	if b := got.Bytes(); len(b) != 131 || !bytes.Contains(b, []byte("{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }")) || !bytes.Equal(b[128:], []byte{7, 0, 255}) {
		t.Errorf("labels: %q", b)
	}
}
