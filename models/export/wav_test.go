package export

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"
)

// TestWAV: windows cut from a sound make that sound again, and where they differ
// one fades into the next.
func TestWAV(t *testing.T) {
	const length, stride, windows = 8, 3, 5
	frames := (windows-1)*stride + length
	sound := make([]float32, frames)
	for i := range sound {
		sound[i] = float32(math.Sin(float64(i)))
	}
	var b bytes.Buffer
	f, err := NewWAV(&b, 8000, windows, length, stride)
	if err != nil {
		t.Fatal(err)
	}
	var cut []float32
	for i := range windows {
		cut = append(cut, sound[i*stride:i*stride+length]...)
	}
	for _, part := range [][]float32{cut[:length], cut[length : 3*length], cut[3*length:]} {
		if f.Close() == nil {
			t.Error("windows are missing: no error")
		}
		if err := f.Write(part); err != nil {
			t.Fatal(err)
		}
	}
	got := b.Bytes()
	if err := f.Close(); err != nil || len(got) != 44+2*frames {
		t.Fatalf("%d bytes, want %d (%v)", len(got), 44+2*frames, err)
	}
	if string(got[:4]) != "RIFF" || binary.LittleEndian.Uint32(got[4:]) != uint32(len(got)-8) || binary.LittleEndian.Uint32(got[24:]) != 8000 || binary.LittleEndian.Uint32(got[40:]) != uint32(2*frames) {
		t.Errorf("header %q", got[:44])
	}
	for i, want := range sound {
		v := float64(int16(binary.LittleEndian.Uint16(got[44+2*i:]))) / math.MaxInt16
		if !(math.Abs(v-float64(want)) <= 1e-4) {
			t.Fatalf("frame %d is %g, want %g", i, v, want)
		}
	}
	if f.Write(cut[:length]) == nil {
		t.Error("a window too many: no error")
	}
	b.Reset()
	if f, err = NewWAV(&b, 1, 2, 4, 2); err == nil {
		err = f.Write([]float32{0, 0, 0, 0, 1, 1, 1, 1})
	}
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{0, 0, 1.0 / 3, 2.0 / 3, 1, 1} {
		if v := float64(int16(binary.LittleEndian.Uint16(b.Bytes()[44+2*i:]))) / math.MaxInt16; !(math.Abs(v-want) <= 1e-4) {
			t.Errorf("frame %d fades to %g, want %g", i, v, want)
		}
	}
	if _, err := NewWAV(&b, 8000, 2, 4, 5); err == nil {
		t.Error("gaps between windows: no error")
	}
}
