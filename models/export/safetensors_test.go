package export

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// tensor makes a Tensor or ends the test.
func tensor[T Element](t *testing.T, name string, shape []int, values ...T) Tensor {
	t.Helper()
	x, err := NewTensor(name, shape, values)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// goldenTensors is what testdata/gen.py wrote, in the order of the file.
func goldenTensors(t *testing.T) []Tensor {
	return []Tensor{
		tensor[int64](t, "seed", []int{2}, 1<<62+1, -1),
		tensor(t, "encoder.0.bias", []int{2}, math.Copysign(0, -1), 0.1),
		tensor[float32](t, "empty", []int{2, 0, 3}),
		tensor[float32](t, "encoder.0.weight", []int{2, 3}, 0, 1, -2.5, 1e-45, float32(math.Inf(1)), math.MaxFloat32),
		tensor[int32](t, "step", []int{}, math.MinInt32),
		tensor[uint8](t, `a "quoted" <ü> & name`, []int{1}, 7),
		tensor[uint8](t, "pixels", []int{1, 5, 1}, 251, 252, 253, 254, 255),
	}
}

func TestSafetensorsReadsGolden(t *testing.T) {
	tensors, metadata, err := OpenSafetensors(filepath.Join("testdata", "golden.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(goldenTensors(t), tensors, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("tensors (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"format": "pt"}, metadata); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
}

func TestSafetensorsWritesGolden(t *testing.T) {
	want, err := os.ReadFile(filepath.Join("testdata", "golden.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	tensors := goldenTensors(t)
	for range 2 {
		var got bytes.Buffer
		if err := WriteSafetensors(&got, tensors, map[string]string{"format": "pt"}); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Bytes(), want) {
			t.Errorf("got\n%q\nwant the reference implementation's\n%q", got.Bytes(), want)
		}
		// The order of the arguments must not show.
		for i, j := 0, len(tensors)-1; i < j; i, j = i+1, j-1 {
			tensors[i], tensors[j] = tensors[j], tensors[i]
		}
	}
}

func TestSafetensorsMetadataIsDeterministic(t *testing.T) {
	metadata := map[string]string{}
	for i := range 50 {
		metadata[fmt.Sprint("key ", i)] = "value\n<&>"
	}
	var first, again bytes.Buffer
	for _, b := range []*bytes.Buffer{&first, &again} {
		if err := WriteSafetensors(b, nil, metadata); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), again.Bytes()) {
		t.Error("equal metadata gave different bytes")
	}
	if first.Len()%8 != 0 {
		t.Errorf("the data would start at byte %d, want a multiple of 8", first.Len())
	}
	_, got, err := ReadSafetensors(bytes.NewReader(first.Bytes()), int64(first.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(metadata, got); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
}

func TestValuesGivesBackWhatNewTensorTook(t *testing.T) {
	want := []float32{1, float32(math.Inf(-1)), math.SmallestNonzeroFloat32}
	x := tensor(t, "x", []int{3, 1}, want...)
	got, err := Values[float32](x)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	if _, err := Values[int32](x); err == nil || !strings.Contains(err.Error(), "holds F32, want I32") {
		t.Errorf("wrong type: error %v, want one that names both", err)
	}
	x.Data = x.Data[:5]
	if _, err := Values[float32](x); err == nil {
		t.Error("a tensor with too few bytes was accepted")
	}
}

func TestWriteSafetensorsRefusals(t *testing.T) {
	one := tensor[uint8](t, "x", []int{1}, 1)
	for name, tensors := range map[string][]Tensor{
		"two of a name":  {one, one},
		"reserved name":  {{Name: "__metadata__", DType: U8, Shape: []int{1}, Data: []byte{1}}},
		"not UTF-8":      {{Name: "\xff", DType: U8, Shape: []int{1}, Data: []byte{1}}},
		"unknown type":   {{Name: "x", DType: "F8", Shape: []int{1}, Data: []byte{1}}},
		"negative size":  {{Name: "x", DType: U8, Shape: []int{-1, -1}, Data: []byte{1}}},
		"too few bytes":  {{Name: "x", DType: F32, Shape: []int{1}, Data: []byte{1}}},
		"size overflows": {{Name: "x", DType: F64, Shape: []int{1 << 31, 1 << 30}}},
	} {
		var b bytes.Buffer
		if err := WriteSafetensors(&b, tensors, nil); err == nil || b.Len() > 0 {
			t.Errorf("%s: error %v after %d bytes, want an error before the first", name, err, b.Len())
		}
	}
	if err := WriteSafetensors(io.Discard, nil, map[string]string{"k": "\xff"}); err == nil {
		t.Error("metadata that is not UTF-8 was accepted")
	}
	if _, err := NewTensor("x", []int{2, 2}, []float32{1, 2, 3}); err == nil {
		t.Error("three values in a 2×2 tensor were accepted")
	}
}

// file frames a header and data bytes.
func file(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, data)...)
}

// damaged lists files that must be refused, by what is wrong with them.
var damaged = map[string][]byte{
	"empty":                   nil,
	"shorter than its prefix": make([]byte, 7),
	"header beyond the end":   file(`{}`, 0)[:9],
	"length of 2^64-1":        bytes.Repeat([]byte{0xff}, 16),
	"length of 99 megabytes":  append(binary.LittleEndian.AppendUint64(nil, 99_000_000), "{}"...),
	"no header":               file("", 0),
	"not an object":           file(`[]`, 0),
	"leading space":           file(` {}`, 0),
	"object cut short":        file(`{"x":{"dtype":"U8"`, 0),
	"text after the object":   file(`{} {}`, 0),
	"not UTF-8":               file("{\"\xff\":{}}", 0),
	"key twice":               file(`{"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"x":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, 2),
	"no type":                 file(`{"x":{"shape":[1],"data_offsets":[0,1]}}`, 1),
	"no shape":                file(`{"x":{"dtype":"U8","data_offsets":[0,1]}}`, 1),
	"no offsets":              file(`{"x":{"dtype":"U8","shape":[0]}}`, 0),
	"one offset":              file(`{"x":{"dtype":"U8","shape":[0],"data_offsets":[0]}}`, 0),
	"three offsets":           file(`{"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}}`, 1),
	"unknown field":           file(`{"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"y":1}}`, 1),
	"unknown type":            file(`{"x":{"dtype":"F7","shape":[1],"data_offsets":[0,1]}}`, 1),
	"negative dimension":      file(`{"x":{"dtype":"U8","shape":[-1,-1],"data_offsets":[0,1]}}`, 1),
	"size overflows to 0":     file(`{"x":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, 0),
	"fraction":                file(`{"x":{"dtype":"U8","shape":[1.5],"data_offsets":[0,1]}}`, 1),
	"shape and size differ":   file(`{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, 4),
	"beyond the data":         file(`{"x":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}}`, 8),
	"end before begin":        file(`{"x":{"dtype":"U8","shape":[1],"data_offsets":[0,-1]}}`, 8),
	"negative begin":          file(`{"x":{"dtype":"U8","shape":[2],"data_offsets":[-1,1]}}`, 1),
	"overlap":                 file(`{"x":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"y":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}`, 3),
	"gap":                     file(`{"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"y":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}`, 3),
	"data left over":          file(`{"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 2),
	"metadata of numbers":     file(`{"__metadata__":{"epoch":1}}`, 0),
	"terabytes of zeros":      file(`{"x":{"dtype":"F64","shape":[1000000000000],"data_offsets":[0,8000000000000]}}`, 8),
}

func TestReadSafetensorsRefusals(t *testing.T) {
	for name, b := range damaged {
		if x, _, err := ReadSafetensors(bytes.NewReader(b), int64(len(b))); err == nil {
			t.Errorf("%s: read as %v, want an error", name, x)
		}
	}
	if _, _, err := ReadSafetensors(bytes.NewReader(file("{}", 0)), 100); err == nil {
		t.Error("a reader shorter than it claims gave no error")
	}
	if _, _, err := OpenSafetensors(filepath.Join(t.TempDir(), "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: error %v, want not-exist", err)
	}
	if _, _, err := OpenSafetensors(t.TempDir()); err == nil {
		t.Error("a folder gave no error")
	}
}

func TestReadSafetensorsRefusesEveryTruncation(t *testing.T) {
	whole, err := os.ReadFile(filepath.Join("testdata", "golden.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		if _, _, err := ReadSafetensors(bytes.NewReader(whole[:n]), int64(n)); err == nil {
			t.Errorf("the first %d of %d bytes were accepted", n, len(whole))
		}
	}
}

// TestReadSafetensorsAllocatesWithinTheFile lies about sizes in a tiny file.
func TestReadSafetensorsAllocatesWithinTheFile(t *testing.T) {
	for _, name := range []string{"length of 2^64-1", "length of 99 megabytes", "terabytes of zeros", "size overflows to 0"} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		ReadSafetensors(bytes.NewReader(damaged[name]), int64(len(damaged[name])))
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
			t.Errorf("%s: %d bytes allocated for a file of %d", name, got, len(damaged[name]))
		}
	}
}

// FuzzReadSafetensors: a file that is accepted survives writing and reading again.
func FuzzReadSafetensors(f *testing.F) {
	golden, err := os.ReadFile(filepath.Join("testdata", "golden.safetensors"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(golden)
	f.Add(file("{}      ", 0))
	for _, b := range damaged {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		tensors, metadata, err := ReadSafetensors(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := WriteSafetensors(&again, tensors, metadata); err != nil {
			t.Fatalf("read but not writable: %v", err)
		}
		tensors2, metadata2, err := ReadSafetensors(bytes.NewReader(again.Bytes()), int64(again.Len()))
		if err != nil {
			t.Fatalf("written but not readable: %v", err)
		}
		if len(tensors2) != len(tensors) || len(metadata2) != len(metadata) {
			t.Fatalf("%d tensors and %d metadata became %d and %d", len(tensors), len(metadata), len(tensors2), len(metadata2))
		}
		data := map[string]Tensor{}
		for _, x := range tensors {
			data[x.Name] = x
		}
		for _, x := range tensors2 {
			if was := data[x.Name]; was.DType != x.DType || !bytes.Equal(was.Data, x.Data) {
				t.Fatalf("tensor %q changed from %v to %v", x.Name, was, x)
			}
		}
	})
}
