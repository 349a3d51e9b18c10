package data

import (
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// images are pictures in a folder, decoded as they are needed.
type images struct {
	info   Info
	files  *listing
	shaper shaper
	broken map[int]error // of files whose headers tell
}

// openPictures opens images:DIR: PNG, JPEG, GIF (its first frame) and WebP, in the
// folder and those within, on white where they are transparent. The path may be
// that of one picture.
func openPictures(s *spec, split Split, _ Options) (Source, error) {
	p := &images{broken: map[int]error{}}
	if s.has("size") {
		var ok bool
		if p.shaper.width, p.shaper.height, ok = parseSize(s.given["size"]); !ok {
			s.wrong("size", "a width and a height in pixels, as 64x48, or one number for both, from 1 to 8192")
		}
		p.shaper.resize = true
	}
	p.shaper.stretch = s.word("crop", "center", "center", "none") == "none"
	p.shaper.grey = s.has("grey")
	share := s.number("test", testShare, 0, 0.9)
	if s.err == nil && s.has("crop") && !s.has("size") {
		s.err = s.fail("the option crop goes with a size; add size=64, say")
	}
	if s.err != nil {
		return nil, s.err
	}
	if info, err := os.Stat(s.path); err == nil && info.Mode().IsRegular() { // one picture, in both parts
		p.files = &listing{root: filepath.Dir(s.path), paths: []string{filepath.Base(s.path)}}
	} else if p.files, err = listFolder(s, split, share, pictureEndings...); err != nil {
		return nil, err
	}
	if err := p.scan(s); err != nil {
		return nil, err
	}
	channels := 3
	if p.shaper.grey {
		channels = 1
	}
	p.info = Info{Name: fmt.Sprintf("%s %s", s.text, split), N: len(p.files.paths), H: p.shaper.height, W: p.shaper.width, C: channels,
		Labels: p.files.labels, Classes: p.files.classes}
	return p, nil
}

// parseSize reads 64 or 64x48.
func parseSize(text string) (width, height int, ok bool) {
	w, h, both := strings.Cut(text, "x")
	if !both {
		h = w
	}
	width, err1 := strconv.Atoi(w)
	height, err2 := strconv.Atoi(h)
	return width, height, err1 == nil && err2 == nil && min(width, height) >= 1 && max(width, height) <= 8192
}

// scan reads all headers, notes the files that are broken, and finds the one
// size where none is asked for.
func (p *images) scan(s *spec) error {
	sizes := make([][2]int32, len(p.files.paths))
	faults, err := onAllCores(len(sizes), 1, func(i, _ int) error {
		h, err := p.look(i)
		if err != nil {
			return &BrokenError{p.files.path(i), err}
		}
		sizes[i] = [2]int32{int32(h.width), int32(h.height)}
		return nil
	})
	if err != nil {
		return err
	}
	for _, f := range faults {
		p.broken[f.sample] = f.err
	}
	if p.shaper.resize {
		return nil
	}
	first := -1
	for i, size := range sizes {
		if size == [2]int32{} {
			continue
		}
		if first < 0 {
			first = i
		}
		if size != sizes[first] {
			return s.fail("%s has %d×%d pixels and %s %d×%d; give one size for all, as size=64 or size=64x48",
				p.files.path(first), sizes[first][0], sizes[first][1], p.files.path(i), size[0], size[1])
		}
	}
	if first < 0 {
		return fmt.Errorf("data: %s: none of its %d pictures can be read; the first: %w", p.files.root, len(sizes), faults[0].err)
	}
	p.shaper.width, p.shaper.height = int(sizes[first][0]), int(sizes[first][1])
	return nil
}

// look reads a picture's header and looks at the end of its file. A file that
// ends in no way that its format does is decoded, to see.
func (p *images) look(i int) (h header, err error) {
	f, err := os.Open(p.files.path(i))
	if err != nil {
		return h, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return h, err
	}
	if h, err = readHeader(f, info.Size()); err != nil {
		return h, err
	}
	start, tail := make([]byte, 12), make([]byte, min(info.Size(), 4096))
	if _, err := f.ReadAt(start, 0); err != nil {
		return h, err
	}
	if _, err := f.ReadAt(tail, info.Size()-int64(len(tail))); err != nil && err != io.EOF {
		return h, err
	}
	if looksWhole(h.format.name, tail, info.Size(), start) {
		return h, nil
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return h, err
	}
	return h, decodes(h.format, f)
}

// decodes returns an error if a picture cannot be decoded.
func decodes(f format, r io.Reader) (err error) {
	defer recoverDecoder(&err)
	_, err = f.decode(r)
	return err
}

// Info describes the pictures.
func (p *images) Info() Info { return p.info }

// Check tells what the scan found; see [Checker].
func (p *images) Check(i int) error { return p.broken[i] }

// Read reads pictures; see [Source].
func (p *images) Read(dst []float32, index []int32) error { return readScaled(p, dst, index) }

// ReadBytes decodes pictures; see [ByteSource].
func (p *images) ReadBytes(dst []byte, index []int32) error {
	if err := wantRead(p.info, index, len(dst)); err != nil {
		return err
	}
	size := p.info.SampleSize()
	for k, i := range index {
		path := p.files.path(int(i))
		file, err := readBounded(path)
		if err == nil {
			err = p.shaper.decode(dst[k*size:][:size], file)
		}
		if err != nil {
			return &BrokenError{path, err}
		}
	}
	return nil
}

// readBounded reads a file of a picture.
func readBounded(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > math.MaxInt32 {
		return nil, fmt.Errorf("want a file of a picture, got %d bytes", info.Size())
	}
	return os.ReadFile(path)
}
