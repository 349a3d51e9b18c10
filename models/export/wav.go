package export

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

// WAV writes sound of one channel as PCM of 16 bits in the RIFF WAVE format
// (Microsoft and IBM, Multimedia Programming Interface and Data Specifications
// 1.0, 1991), from windows that may overlap. Where they do, frames are the mean of
// the windows that hold them, weighted by how far each is from its window's ends,
// so that one window fades into the next.
type WAV struct {
	w       io.Writer
	windows int // still to come
	stride  int

	weight     []float32
	sum, total []float32 // of frames that further windows may add to
	samples    []byte
}

// NewWAV writes the header of a sound of so many windows of length frames, stride
// frames apart, at rate frames a second.
func NewWAV(w io.Writer, rate, windows, length, stride int) (*WAV, error) {
	if rate < 1 || windows < 1 || length < 1 || stride < 1 || stride > length {
		return nil, fmt.Errorf("wav: %d windows of %d frames, %d apart, at %d a second; want at least 1 of each and no gaps", windows, length, stride, rate)
	}
	bytes := 2 * (int64(windows-1)*int64(stride) + int64(length))
	if bytes > math.MaxUint32-36 {
		return nil, fmt.Errorf("wav: %d bytes of sound, and the format holds no more than 4 GiB; write fewer windows", bytes)
	}
	le := binary.LittleEndian
	b := append(le.AppendUint32([]byte("RIFF"), uint32(36+bytes)), "WAVEfmt "...)
	b = le.AppendUint16(le.AppendUint16(le.AppendUint32(b, 16), 1), 1) // PCM, one channel
	b = le.AppendUint32(le.AppendUint32(b, uint32(rate)), uint32(2*rate))
	b = le.AppendUint16(le.AppendUint16(b, 2), 16)
	b = le.AppendUint32(append(b, "data"...), uint32(bytes))
	f := &WAV{w: w, windows: windows, stride: stride, sum: make([]float32, length), total: make([]float32, length)}
	for i := range length {
		f.weight = append(f.weight, float32(min(i+1, length-i)))
	}
	_, err := w.Write(b)
	return f, err
}

// Write writes the next windows, values from -1 to 1; what is beyond is cut off.
func (f *WAV) Write(values []float32) error {
	length := len(f.weight)
	if len(values)%length != 0 || len(values)/length > f.windows {
		return fmt.Errorf("wav: %d values, want at most %d windows of %d", len(values), f.windows, length)
	}
	for ; len(values) > 0; values = values[length:] {
		for i, weight := range f.weight {
			f.sum[i] += weight * values[i]
			f.total[i] += weight
		}
		f.windows--
		done := f.stride
		if f.windows == 0 {
			done = length
		}
		if err := f.flush(done); err != nil {
			return err
		}
	}
	return nil
}

// flush writes the first n frames, which no further window reaches.
func (f *WAV) flush(n int) error {
	f.samples = f.samples[:0]
	for i, sum := range f.sum[:n] {
		v := min(max(sum/f.total[i], -1), 1)
		if v != v {
			v = 0 // a broken model is silent
		}
		f.samples = binary.LittleEndian.AppendUint16(f.samples, uint16(int16(math.RoundToEven(float64(v)*math.MaxInt16))))
	}
	for _, frames := range [][]float32{f.sum, f.total} {
		copy(frames, frames[n:])
		clear(frames[len(frames)-n:])
	}
	_, err := f.w.Write(f.samples)
	return err
}

// Close returns an error if windows are missing.
func (f *WAV) Close() error {
	if f.windows > 0 {
		return fmt.Errorf("wav: %d windows are missing", f.windows)
	}
	return nil
}
