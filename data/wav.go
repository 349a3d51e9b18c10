package data

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

// A WAV file (Microsoft and IBM, "Multimedia Programming Interface and Data
// Specifications 1.0", 1991) is chunks of four letters, a little-endian uint32
// of length and so many bytes, padded to an even number, all of them within a
// chunk RIFF. "fmt " describes the samples, "data" holds them.
const (
	wavPCM        = 1
	wavFloat      = 3
	wavExtensible = 0xfffe // the format stands further behind
)

// sound is what the header of a WAV file says.
type sound struct {
	float    bool
	channels int
	rate     int // frames a second
	width    int // bytes of a sample of one channel
	start    int64
	frames   int64
}

// readWAVHeader reads the chunks of a file of size bytes as far as its samples.
// Its errors do not name the file.
func readWAVHeader(r io.ReaderAt, size int64) (sound, error) {
	var s sound
	head := make([]byte, 12)
	if err := readChunk(r, head, 0, "want a WAV header"); err != nil {
		return s, err
	}
	if string(head[:4]) != "RIFF" || string(head[8:]) != "WAVE" {
		return s, fmt.Errorf("want a WAV file, which begins with RIFF and WAVE, got %q", head)
	}
	described := false
	for at := int64(12); ; {
		if err := readChunk(r, head[:8], at, "want a chunk named data"); err != nil {
			return s, err
		}
		length := int64(binary.LittleEndian.Uint32(head[4:]))
		at += 8
		switch string(head[:4]) {
		case "fmt ":
			if err := s.describe(r, at, length); err != nil {
				return s, err
			}
			described = true
		case "data":
			if !described {
				return s, fmt.Errorf("the chunk data comes before its description; the file is damaged")
			}
			return s, s.place(at, length, size)
		}
		at += length + length&1
	}
}

// readChunk reads some bytes whole.
func readChunk(r io.ReaderAt, to []byte, at int64, want string) error {
	n, err := r.ReadAt(to, at)
	if n == len(to) {
		return nil
	}
	return idxShort(err, fmt.Sprintf("%s at byte %d, got %d bytes", want, at, n))
}

// describe reads the chunk "fmt ".
func (s *sound) describe(r io.ReaderAt, at, length int64) error {
	if length < 16 {
		return fmt.Errorf("want a description of at least 16 bytes, got %d; the file is damaged", length)
	}
	chunk := make([]byte, min(length, 26))
	if err := readChunk(r, chunk, at, "want the description of the samples"); err != nil {
		return err
	}
	word := func(at int) int { return int(binary.LittleEndian.Uint16(chunk[at:])) }
	format, bits := word(0), word(14)
	if format == wavExtensible && len(chunk) == 26 {
		format = word(24)
	}
	s.channels, s.rate, s.width = word(2), int(binary.LittleEndian.Uint32(chunk[4:])), bits/8
	s.float = format == wavFloat
	known := format == wavPCM && (bits == 8 || bits == 16 || bits == 24 || bits == 32) || s.float && bits == 32
	if !known {
		return fmt.Errorf("want samples of PCM with 8, 16, 24 or 32 bits or of floating point with 32, got format %d with %d bits", format, bits)
	}
	if s.channels == 0 || s.rate == 0 || s.rate > math.MaxInt32 || word(12) != s.channels*s.width {
		return fmt.Errorf("the description contradicts itself (%d channels, %d frames a second, %d bytes a frame); the file is damaged", s.channels, s.rate, word(12))
	}
	return nil
}

// place finds the frames in the chunk "data".
func (s *sound) place(at, length, size int64) error {
	// What a pipe wrote could not know its length.
	if length == math.MaxUint32 {
		length = size - at
	}
	if length > size-at {
		return fmt.Errorf("the header promises %d bytes of sound, got %d; the file is cut short", length, size-at)
	}
	s.start, s.frames = at, length/int64(s.channels*s.width)
	return nil
}

// read reads frames from … from+len(dst)-1 of a file, the mean of their
// channels, in [-1, 1] for PCM.
func (s *sound) read(r io.ReaderAt, dst []float32, from int64) error {
	frame := s.channels * s.width
	raw := make([]byte, len(dst)*frame)
	if err := readChunk(r, raw, s.start+from*int64(frame), "want samples"); err != nil {
		return err
	}
	for i := range dst {
		var sum float64
		for c := range s.channels {
			sum += s.number(raw[i*frame+c*s.width:])
		}
		dst[i] = float32(sum / float64(s.channels))
		if math.IsNaN(sum) || math.IsInf(sum, 0) {
			return fmt.Errorf("frame %d is %v, want a finite number", from+int64(i), sum)
		}
	}
	return nil
}

// number is the value of one sample: PCM is divided by 2 to the power of its
// bits less one; with 8 bits it has no sign and 128 is silence.
func (s *sound) number(raw []byte) float64 {
	switch {
	case s.float:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(raw)))
	case s.width == 1:
		return (float64(raw[0]) - 128) / (1 << 7)
	case s.width == 2:
		return float64(int16(binary.LittleEndian.Uint16(raw))) / (1 << 15)
	case s.width == 3:
		return float64(int32(uint32(raw[0])<<8|uint32(raw[1])<<16|uint32(raw[2])<<24)) / (1 << 31)
	}
	return float64(int32(binary.LittleEndian.Uint32(raw))) / (1 << 31)
}

// resampler changes the rate of a sound by a windowed sinc (J. O. Smith,
// "Digital Audio Resampling"): band-limited to the lower of both rates, 16 zero
// crossings to either side, a Hann window.
type resampler struct {
	step  float64 // source frames for each of the result
	width float64 // of a lobe, in source frames
	reach int64   // how many source frames to either side count
}

const sincLobes = 16

func newResampler(from, to int) *resampler {
	step := float64(from) / float64(to)
	width := max(step, 1)
	return &resampler{step, width, int64(math.Ceil(sincLobes * width))}
}

// frames is how many frames n of the source become.
func (p *resampler) frames(n int64) int64 { return int64(float64(n) / p.step) }

// span returns which of n frames of the source decide frames from …
// from+count-1 of the result: those from first to last.
func (p *resampler) span(from int64, count int, n int64) (first, last int64) {
	low := math.Floor(float64(from)*p.step) - float64(p.reach)
	high := math.Ceil(float64(from+int64(count)-1)*p.step) + float64(p.reach)
	return int64(max(low, 0)), int64(min(high, float64(n-1)))
}

// run computes frames from … of the result out of the source's first … .
func (p *resampler) run(dst []float32, from int64, source []float32, first int64) {
	for i := range dst {
		at := float64(from+int64(i)) * p.step
		low := max(int64(math.Ceil(at))-p.reach, first)
		high := min(int64(math.Floor(at))+p.reach, first+int64(len(source))-1)
		var sum, weights float64
		for k := low; k <= high; k++ {
			x := (at - float64(k)) / p.width
			if math.Abs(x) >= sincLobes {
				continue
			}
			w := 0.5 + 0.5*math.Cos(math.Pi*x/sincLobes)
			if x != 0 {
				w *= math.Sin(math.Pi*x) / (math.Pi * x)
			}
			weights += w
			sum += w * float64(source[k-first])
		}
		dst[i] = float32(sum / weights)
	}
}
