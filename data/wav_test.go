package data

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// wavFile is a WAV file of a format, 1 for PCM and 3 for floating point, with
// samples of channels in [-1, 1), frame by frame.
func wavFile(format, channels, rate, bits int, samples ...float64) []byte {
	var raw []byte
	for _, v := range samples {
		switch {
		case format == wavFloat:
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(float32(v)))
		case bits == 8:
			raw = append(raw, byte(int(v*128)+128))
		default:
			word := binary.LittleEndian.AppendUint32(nil, uint32(int32(v*(1<<31))))
			raw = append(raw, word[4-bits/8:]...)
		}
	}
	le := binary.LittleEndian
	b := append([]byte("RIFF"), le.AppendUint32(nil, uint32(36+8+3+1+len(raw)))...)
	b = append(append(b, "WAVELIST"...), 3, 0, 0, 0, 1, 2, 3, 0) // an odd chunk, padded
	b = append(append(b, "fmt "...), 16, 0, 0, 0)
	b = le.AppendUint16(le.AppendUint16(b, uint16(format)), uint16(channels))
	b = le.AppendUint32(le.AppendUint32(b, uint32(rate)), uint32(rate*channels*bits/8))
	b = le.AppendUint16(le.AppendUint16(b, uint16(channels*bits/8)), uint16(bits))
	b = le.AppendUint32(append(b, "data"...), uint32(len(raw)))
	return append(b, raw...)
}

func TestWAVFormats(t *testing.T) {
	samples := []float64{0, 0.5, -0.5, -1, 0.25, 0.75, -0.25, 0}
	want := []float32{0.5, 0.75, 0.25, 0, 0.625, 0.875, 0.375, 0.5}
	for _, c := range [][2]int{{1, 8}, {1, 16}, {1, 24}, {1, 32}, {3, 32}} {
		dir := folder(t, map[string][]byte{"a.wav": wavFile(c[0], 1, 8000, c[1], samples...)})
		spec := "wav:" + dir + "/a.wav,window=4,stride=2,test=0"
		info, got := openAll(t, spec, Train)
		wantShape(t, spec, info, 3, 1, 4, 1)
		if want := slices.Concat(want[:4], want[2:6], want[4:8]); !slices.Equal(got, want) {
			t.Errorf("format %d of %d bits: %v, want %v", c[0], c[1], got, want)
		}
		if info.Sound != (Sound{Rate: 8000, Stride: 2}) {
			t.Errorf("windows follow one another as %+v", info.Sound)
		}
		if info.Low[0] != -1 || info.High[0] != 1 {
			t.Errorf("0 and 1 stand for %v and %v", info.Low, info.High)
		}
	}
	// Two channels are mixed; what is too loud is cut off.
	dir := folder(t, map[string][]byte{"a.wav": wavFile(3, 2, 8000, 32, 0.5, 0, 3, 0)})
	if _, got := openAll(t, "wav:"+dir+"/a.wav,window=2,test=0", Train); !slices.Equal(got, []float32{0.625, 1}) {
		t.Errorf("mixed to %v, want 0.625 and 1", got)
	}
	// The extensible form, and a length that a pipe could not know.
	file := wavFile(1, 1, 8000, 16, 0.5, 0)
	at := bytes.Index(file, []byte("data"))
	binary.LittleEndian.PutUint32(file[at+4:], math.MaxUint32)
	extended := slices.Concat(file[:at], make([]byte, 24), file[at:])
	copy(extended[at:], []byte{22, 0, 16, 0, 0, 0, 0, 0, 1, 0})
	head := bytes.Index(extended, []byte("fmt "))
	extended[head+4], extended[head+8], extended[head+9] = 40, 0xfe, 0xff
	dir = folder(t, map[string][]byte{"a.wav": extended})
	if _, got := openAll(t, "wav:"+dir+"/a.wav,window=2,test=0", Train); !slices.Equal(got, []float32{0.75, 0.5}) {
		t.Errorf("extensible: %v", got)
	}
}

// A tone keeps its frequency and its size at another rate; one above half the
// new rate goes away.
func TestWAVResample(t *testing.T) {
	tone := func(rate, hertz, n int) []float64 {
		s := make([]float64, n)
		for i := range s {
			s[i] = 0.9 * math.Sin(2*math.Pi*float64(hertz)*float64(i)/float64(rate))
		}
		return s
	}
	for _, c := range []struct {
		from, to, hertz int
		size            float64
	}{{44100, 16000, 440, 0.9}, {8000, 16000, 440, 0.9}, {16000, 8000, 1000, 0.9}, {16000, 8000, 6000, 0}} {
		dir := folder(t, map[string][]byte{"a.wav": wavFile(3, 1, c.from, 32, tone(c.from, c.hertz, c.from/10)...)})
		_, got := openAll(t, "wav:"+dir+"/a.wav,window=800,test=0,rate="+map[int]string{16000: "16000", 8000: "8000"}[c.to], Train)
		for i, want := range tone(c.to, c.hertz, 800)[:800] {
			if i < 60 || i > 740 {
				continue // the borders ring
			}
			if v := float64(got[i])*2 - 1; !(math.Abs(v-want*c.size/0.9) <= 2e-3) {
				t.Errorf("%d Hz from %d to %d: frame %d is %.4f, want %.4f", c.hertz, c.from, c.to, i, v, want*c.size/0.9)
				break
			}
		}
	}
}

func TestWAVFolder(t *testing.T) {
	long := wavFile(1, 1, 8000, 16, make([]float64, 64)...)
	dir := t.TempDir()
	for name, content := range map[string][]byte{
		"train/yes/a.wav": long, "train/no/b.WAV": long, "train/no/c.wav": long[:30], "train/no/d.wav": wavFile(1, 1, 8000, 16, 0, 0),
		"train/no/readme.txt": nil, "test/yes/e.wav": long,
	} {
		write(t, filepath.Join(dir, name), content)
	}
	var warnings []string
	set, err := OpenSource("wav:"+dir+",window=16,stride=16", Train, Options{Warn: func(w string) { warnings = append(warnings, w) }})
	if err != nil {
		t.Fatal(err)
	}
	info := set.Info()
	wantShape(t, "folder", info, 8, 1, 16, 1)
	if !slices.Equal(info.Classes, []string{"no", "yes"}) || !bytes.Equal(info.Labels, []byte{0, 0, 0, 0, 1, 1, 1, 1}) {
		t.Errorf("labels %v of %v", info.Labels, info.Classes)
	}
	if len(warnings) != 2 || !strings.Contains(warnings[0], "c.wav") || !strings.Contains(warnings[1], "d.wav: 2 frames fill no window of 16") {
		t.Errorf("warnings %q", warnings)
	}
	_, err = OpenSource("wav:"+dir+",window=16", Train, Options{Strict: true})
	wantError(t, err, "c.wav", "cut short")
	write(t, filepath.Join(dir, "train/yes/z.wav"), wavFile(1, 1, 16000, 16, make([]float64, 64)...))
	_, err = OpenSource("wav:"+dir+",window=16", Train, Options{})
	wantError(t, err, "b.WAV has 8000", "z.wav 16000", "option rate")
}

// The parts of one file do not overlap.
func TestWAVParts(t *testing.T) {
	ramp := make([]float64, 100)
	for i := range ramp {
		ramp[i] = float64(i) / 128
	}
	dir := folder(t, map[string][]byte{"a.wav": wavFile(1, 1, 8000, 16, ramp...)})
	spec := "wav:" + dir + "/a.wav,window=10,stride=3,test=0.2"
	_, train := openAll(t, spec, Train)
	_, test := openAll(t, spec, Test)
	if last, first := slices.Max(train), slices.Min(test); last >= first {
		t.Errorf("training ends with %v, the test begins with %v", last, first)
	}
	if len(test) != 60 || test[59] != float32(ramp[99])/2+0.5 {
		t.Errorf("%d values in the test part, the last is %v", len(test), test[len(test)-1])
	}
	_, err := OpenSource("wav:"+dir+"/a.wav,window=60", Train, Options{})
	wantError(t, err, "too few for two parts", "test=0")
}

func TestWAVErrors(t *testing.T) {
	good := wavFile(1, 1, 8000, 16, make([]float64, 2000)...)
	change := func(mark string, offset int, with ...byte) []byte {
		file := slices.Clone(good)
		copy(file[bytes.Index(file, []byte(mark))+offset:], with)
		return file
	}
	for name, c := range map[string]struct {
		file []byte
		want []string
	}{
		"empty":     {nil, []string{"WAV header", "cut short"}},
		"not WAV":   {[]byte("ID3 a song that is compressed"), []string{"want a WAV file"}},
		"cut":       {good[:len(good)-1], []string{"promises 4000 bytes of sound, got 3999"}},
		"no data":   {good[:50], []string{"chunk named data"}},
		"MP3":       {change("fmt ", 8, 85, 0), []string{"format 85"}},
		"12 bits":   {change("fmt ", 22, 12, 0), []string{"with 12 bits"}},
		"channels":  {change("fmt ", 10, 0, 0), []string{"contradicts itself (0 channels"}},
		"short fmt": {change("fmt ", 4, 8), []string{"at least 16 bytes, got 8"}},
		"order":     {change("fmt ", 0, 'd', 'a', 't', 'a'), []string{"before its description"}},
		"few":       {wavFile(1, 1, 8000, 16, 0, 0), []string{"2 frames fill no window of 1024"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(folder(t, map[string][]byte{"a.wav": c.file}), "a.wav")
			_, err := OpenSource("wav:"+path, Train, Options{})
			wantError(t, err, append(c.want, path)...)
		})
	}
}

// write writes a file and the folders that it needs.
func write(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// FuzzWAV reads arbitrary bytes. The frames that are accepted lie within the
// file, and can be read at this and at another rate.
func FuzzWAV(f *testing.F) {
	for _, seed := range [][]byte{
		nil, wavFile(1, 1, 8000, 16, 0, 0.5), wavFile(1, 2, 44100, 24, 0, 0.5, -1, 0), wavFile(3, 1, 1, 32, 0.5, 1, 2), wavFile(1, 1, 8000, 8, 0, 1)[:50],
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		r := bytes.NewReader(file)
		s, err := readWAVHeader(r, int64(len(file)))
		if err != nil || s.frames == 0 {
			return
		}
		if end := s.start + s.frames*int64(s.channels*s.width); end > int64(len(file)) {
			t.Fatalf("the sound ends at %d in a file of %d bytes", end, len(file))
		}
		for _, rate := range []int{s.rate, 8000} {
			rec := recording{sound: s}
			frames := s.frames
			if rate != s.rate {
				rec.resample = newResampler(s.rate, rate)
				frames = rec.resample.frames(frames)
			}
			if frames == 0 {
				continue
			}
			n := min(frames, 16)
			dst := make([]float32, n)
			if rec.window(r, dst, frames-n) != nil {
				continue
			}
			for _, v := range dst {
				if !(v >= 0 && v <= 1) {
					t.Fatalf("a frame is %v", v)
				}
			}
		}
	})
}
