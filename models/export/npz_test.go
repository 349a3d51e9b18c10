package export

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func someTensors(t testing.TB) []Tensor {
	t.Helper()
	a, errA := NewTensor("encoder.0.weight", []int{2, 3}, []float32{1, 2, 3, 4, 5, 6})
	b, errB := NewTensor("count", []int{}, []int64{-7})
	c, errC := NewTensor("bytes", []int{3}, []uint8{0, 128, 255})
	d, errD := NewTensor("none", []int{0, 4}, []float64{})
	e, errE := NewTensor("deep", []int{1, 2, 1, 2}, []int32{1, -1, 2, -2})
	for _, err := range []error{errA, errB, errC, errD, errE} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return []Tensor{a, b, c, d, e}
}

func sameTensors(a, b []Tensor) bool {
	return slices.EqualFunc(a, b, func(x, y Tensor) bool {
		return x.Name == y.Name && x.DType == y.DType && slices.Equal(x.Shape, y.Shape) && bytes.Equal(x.Data, y.Data)
	})
}

// TestNPZ writes and reads, twice to the same bytes.
func TestNPZ(t *testing.T) {
	tensors := someTensors(t)
	var first, second bytes.Buffer
	for _, w := range []io.Writer{&first, &second} {
		if err := WriteNPZ(w, tensors); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("the same tensors gave other bytes")
	}
	got, err := ReadNPZ(bytes.NewReader(first.Bytes()), int64(first.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if !sameTensors(got, tensors) {
		t.Errorf("%v became %v", tensors, got)
	}
	if err := WriteNPZ(io.Discard, append(tensors, tensors[0])); err == nil {
		t.Error("a name that is used twice gave no error")
	}
}

// zipped returns a zip file with one entry, deflated.
func zipped(t testing.TB, name, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.Create(name)
	if err == nil {
		_, err = io.WriteString(f, content)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// npy returns an array's header and what follows.
func npy(header, elements string) string {
	return "\x93NUMPY\x01\x00" + string(binary.LittleEndian.AppendUint16(nil, uint16(len(header)))) + header + elements
}

// TestReadNPZColumns reads what NumPy writes of a transposed array, compressed.
func TestReadNPZColumns(t *testing.T) {
	file := zipped(t, "x.npy", npy("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }\n", "\x01\x04\x02\x05\x03\x06"))
	got, err := ReadNPZ(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	if want := "\x01\x02\x03\x04\x05\x06"; len(got) != 1 || string(got[0].Data) != want || !slices.Equal(got[0].Shape, []int{2, 3}) {
		t.Errorf("got %v, want rows 1 2 3 and 4 5 6", got)
	}
}

// TestReadNPZRefuses names what is wrong with a file, and allocates little on the
// way.
func TestReadNPZRefuses(t *testing.T) {
	bomb := zipped(t, "x.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000,), }\n", "abcd"))
	for want, file := range map[string][]byte{
		"not a zip file":                  []byte("not at all"),
		`entry "x.txt": want NAME.npy`:    zipped(t, "x.txt", "text"),
		"want an array in NumPy's format": zipped(t, "x.npy", "short and something"),
		"its header: unexpected EOF":      zipped(t, "x.npy", "\x93NUMPY\x01\x00\xff"),
		"is not as NumPy writes it":       zipped(t, "x.npy", npy("{'descr': []}", "")),
		`elements of type "<f2"`:          zipped(t, "x.npy", npy("{'descr': '<f2', 'fortran_order': False, 'shape': (1,), }\n", "ab")),
		"wants 4000000 bytes":             bomb,
		"not less or more":                zipped(t, "x.npy", npy("{'descr': '|u1', 'fortran_order': False, 'shape': (1,), }\n", "ab")),
		"more elements than 64 bits":      zipped(t, "x.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }\n", "")),
		"shape (99999999999999999999,)":   zipped(t, "x.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }\n", "")),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := ReadNPZ(bytes.NewReader(file), int64(len(file)))
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that tells %q", err, want)
		}
		if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
			t.Errorf("%s: %d bytes allocated for a file of %d", want, got, len(file))
		}
	}
}

// FuzzReadNPZ: a file that is accepted survives writing and reading again, and
// holds no more than deflated bytes can.
func FuzzReadNPZ(f *testing.F) {
	var whole bytes.Buffer
	if err := WriteNPZ(&whole, someTensors(f)); err != nil {
		f.Fatal(err)
	}
	f.Add(whole.Bytes())
	for order, elements := range map[string]string{"True": "abcd", "False": strings.Repeat("\x00", 4)} {
		f.Add(zipped(f, "x.npy", npy(fmt.Sprintf("{'descr': '|u1', 'fortran_order': %s, 'shape': (2, 2), }\n", order), elements)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		tensors, err := ReadNPZ(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		held := 0
		var again bytes.Buffer
		for _, x := range tensors {
			held += len(x.Data)
		}
		if held > mostDeflate*(len(b)+1) {
			t.Fatalf("%d bytes of elements from a file of %d", held, len(b))
		}
		if err := WriteNPZ(&again, tensors); err != nil {
			t.Fatalf("read but not writable: %v", err)
		}
		back, err := ReadNPZ(bytes.NewReader(again.Bytes()), int64(again.Len()))
		if err != nil || !sameTensors(back, tensors) {
			t.Fatalf("%v became %v, error %v", tensors, back, err)
		}
	})
}
