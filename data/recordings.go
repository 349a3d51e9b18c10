package data

import (
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"sort"
)

// recordings are windows [1 length 1] of WAV files, read as they are needed.
type recordings struct {
	info   Info
	files  []recording
	before []int64 // how many windows the files before each have
	stride int64
	part   [2]int64 // of a single file: the windows from … to-1
}

// recording is one file.
type recording struct {
	path string
	sound
	resample *resampler // nil where the rate is right
}

// openWAV opens wav:FILE or wav:DIR. The sound's -1 becomes 0 and its 1 becomes
// 1; louder floating-point samples are cut off there.
func openWAV(s *spec, split Split, o Options) (Source, error) {
	length := s.whole("window", 1024, 1, 1<<24)
	stride := s.whole("stride", max(length/2, 1), 1, math.MaxInt32)
	rate := s.whole("rate", 0, 1, math.MaxInt32)
	share := s.number("test", testShare, 0, 0.9)
	if s.err != nil {
		return nil, s.err
	}
	info := Info{Name: fmt.Sprintf("%s %s", s.text, split), H: 1, W: length, C: 1, Low: []float32{-1}, High: []float32{1}}
	r := &recordings{info: info, stride: int64(stride)}
	single := !isFolder(s.path)
	l := &listing{root: filepath.Dir(s.path), paths: []string{filepath.Base(s.path)}}
	if !single {
		var err error
		if l, err = listFolder(s, split, share, ".wav", ".wave"); err != nil {
			return nil, err
		}
	}
	labels, err := r.open(l, rate, o)
	if err != nil {
		return nil, err
	}
	if single && share > 0 {
		if err := r.keepPart(split, share); err != nil {
			return nil, err
		}
		return r, nil
	}
	if l.labels != nil {
		r.info.Classes = l.classes
		r.info.Labels = make([]uint8, r.info.N)
		for i := range r.info.Labels {
			file, _ := r.find(int64(i))
			r.info.Labels[i] = labels[file]
		}
	}
	return r, nil
}

// open reads the headers of the files and counts windows. It returns the label
// of each file that it keeps.
func (r *recordings) open(l *listing, rate int, o Options) (labels []uint8, err error) {
	total := int64(0)
	for i := range l.paths {
		f := recording{path: l.path(i)}
		if err := f.readHeader(); err != nil {
			if o.Strict || len(l.paths) == 1 {
				return nil, err
			}
			o.warn("%v; left out", err)
			continue
		}
		if rate == 0 && len(r.files) > 0 && f.rate != r.files[0].rate {
			return nil, fmt.Errorf("data: %s has %d frames a second and %s %d; want one rate, or give one by the option rate", r.files[0].path, r.files[0].rate, f.path, f.rate)
		}
		frames := f.frames
		if rate != 0 && f.rate != rate {
			f.resample = newResampler(f.rate, rate)
			frames = f.resample.frames(frames)
		}
		if frames < int64(r.info.W) {
			if len(l.paths) > 1 {
				o.warn("data: %s: %d frames fill no window of %d; left out", f.path, frames, r.info.W)
				continue
			}
			return nil, fmt.Errorf("data: %s: its %d frames fill no window of %d; ask for shorter ones by the option window", f.path, frames, r.info.W)
		}
		r.files, r.before = append(r.files, f), append(r.before, total)
		if l.labels != nil {
			labels = append(labels, l.labels[i])
		}
		total += (frames-int64(r.info.W))/r.stride + 1
	}
	if len(r.files) == 0 {
		return nil, fmt.Errorf("data: %s: none of its %d files fills a window of %d frames; ask for shorter ones by the option window", l.root, len(l.paths), r.info.W)
	}
	if total > math.MaxInt32 {
		return nil, fmt.Errorf("data: %s: %d windows, want at most %d; set them further apart by the option stride", l.root, total, math.MaxInt32)
	}
	if r.info.Sound.Rate = rate; rate == 0 {
		r.info.Sound.Rate = r.files[0].rate
	}
	if len(r.files) == 1 {
		r.info.Sound.Stride = int(r.stride)
	}
	r.info.N, r.part = int(total), [2]int64{0, total}
	return labels, nil
}

// keepPart keeps the windows of one part of a single file, whose end is the test
// part: none of both parts overlap.
func (r *recordings) keepPart(split Split, share float64) error {
	total := r.part[1]
	held := max(int64(math.Round(share*float64(total))), 1)
	// Windows that begin before the test part does may reach into it.
	overlap := (int64(r.info.W) + r.stride - 1) / r.stride
	kept := total - held - overlap + 1
	if kept < 1 {
		return fmt.Errorf("data: %s: its %d windows are too few for two parts without overlap; give a folder of files, shorter windows, or test=0 for all in both", r.files[0].path, total)
	}
	r.part = [2]int64{0, kept}
	if split == Test {
		r.part = [2]int64{total - held, total}
	}
	r.info.N = int(r.part[1] - r.part[0])
	return nil
}

// readHeader reads what describes the sound.
func (f *recording) readHeader() error {
	file, err := os.Open(f.path)
	if err != nil {
		return fmt.Errorf("data: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("data: %w", err)
	}
	if f.sound, err = readWAVHeader(file, info.Size()); err != nil {
		return fmt.Errorf("data: %s: %w", f.path, err)
	}
	return nil
}

// Info describes the windows.
func (r *recordings) Info() Info { return r.info }

// find returns the file of a window and the window's number there.
func (r *recordings) find(i int64) (file int, window int64) {
	i += r.part[0]
	file = sort.Search(len(r.before), func(k int) bool { return r.before[k] > i }) - 1
	return file, i - r.before[file]
}

// Read reads windows; see [Source].
func (r *recordings) Read(dst []float32, index []int32) error {
	if err := wantRead(r.info, index, len(dst)); err != nil {
		return err
	}
	var open *os.File // the last window's, which is often the next one's too
	at := -1
	defer func() {
		if open != nil {
			open.Close()
		}
	}()
	for k, i := range index {
		file, window := r.find(int64(i))
		f := &r.files[file]
		if file != at {
			if open != nil {
				open.Close()
			}
			var err error
			if open, err = os.Open(f.path); err != nil {
				return &BrokenError{f.path, err}
			}
			at = file
		}
		to := dst[k*r.info.W:][:r.info.W]
		if err := f.window(open, to, window*r.stride); err != nil {
			return &BrokenError{f.path, err}
		}
	}
	return nil
}

// window reads frames from … of the sound, at the rate that is wanted, scaled.
func (f *recording) window(r io.ReaderAt, dst []float32, from int64) error {
	if f.resample == nil {
		if err := f.read(r, dst, from); err != nil {
			return err
		}
	} else {
		first, last := f.resample.span(from, len(dst), f.frames)
		source := make([]float32, last-first+1)
		if err := f.read(r, source, first); err != nil {
			return err
		}
		f.resample.run(dst, from, source, first)
	}
	for i, v := range dst {
		dst[i] = min(max(v/2+0.5, 0), 1)
	}
	return nil
}
