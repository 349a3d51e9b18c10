package data

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// tinyWebP is a lossless WebP of 3×2 pixels, written by Pillow 11.3.0.
const tinyWebP = "UklGRkQAAABXRUJQVlA4TDgAAAAvAkAAAC9AkG2zQdzr/jLTIJO2yV//dmZtZNI2rYf986+y8x9o5JGs+wYK2UaAQ/cKHMtF9D+GFw=="

var tinyPixels = []byte{255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30, 255, 255, 255, 200, 100, 50}

func webpFile(t testing.TB) []byte {
	t.Helper()
	file, err := base64.StdEncoding.DecodeString(tinyWebP)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// canvas is an RGBA picture whose pixel is c(x, y).
func canvas(w, h int, c func(x, y int) color.Color) *image.NRGBA {
	im := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			im.Set(x, y, c(x, y))
		}
	}
	return im
}

func solid(r, g, b uint8) func(x, y int) color.Color {
	return func(int, int) color.Color { return color.NRGBA{r, g, b, 255} }
}

func pngFile(t testing.TB, im image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, im); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func jpegFile(t testing.TB, im image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, im, &jpeg.Options{Quality: 100}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gifFile(t testing.TB, im image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := gif.Encode(&b, im, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// turned is a JPEG file that says how the camera was held.
func turned(t testing.TB, im image.Image, orientation byte) []byte {
	file := jpegFile(t, im)
	exif := []byte("Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00")
	exif[len(exif)-7] = orientation
	segment := binary.BigEndian.AppendUint16([]byte{0xff, 0xe1}, uint16(len(exif)+2))
	return slices.Concat(file[:2], segment, exif, file[2:])
}

// near compares bytes that went through a lossy format.
func near(got, want []byte, by int) bool {
	if len(got) != len(want) {
		return false
	}
	for i := range got {
		if d := int(got[i]) - int(want[i]); d > by || d < -by {
			return false
		}
	}
	return true
}

func TestImageFormats(t *testing.T) {
	blocks := canvas(16, 8, func(x, _ int) color.Color {
		if x < 8 {
			return color.NRGBA{200, 100, 50, 255}
		}
		return color.NRGBA{0, 0, 255, 255}
	})
	var want []byte
	for range 8 {
		want = append(want, bytes.Repeat([]byte{200, 100, 50}, 8)...)
		want = append(want, bytes.Repeat([]byte{0, 0, 255}, 8)...)
	}
	for name, c := range map[string]struct {
		file []byte
		by   int
	}{"a.png": {pngFile(t, blocks), 0}, "a.jpg": {jpegFile(t, blocks), 12}, "a.GIF": {gifFile(t, blocks), 55}, "misnamed.png": {jpegFile(t, blocks), 12}} {
		d, err := Open("images:"+folder(t, map[string][]byte{name: c.file})+",test=0", Train)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		wantShape(t, name, d.Info(), 1, 8, 16, 3)
		if !near(d.Pixels, want, c.by) {
			t.Errorf("%s: pixels %v …", name, d.Pixels[:9])
		}
	}
	d, err := Open("images:"+folder(t, map[string][]byte{"a.webp": webpFile(t)})+",test=0", Train)
	if err != nil || !bytes.Equal(d.Pixels, tinyPixels) {
		t.Errorf("WebP: %v, %v", d, err)
	}
	one := filepath.Join(folder(t, map[string][]byte{"a.webp": webpFile(t), "b.png": nil}), "a.webp")
	for _, split := range []Split{Train, Test} {
		if d, err := Open("images:"+one, split); err != nil || d.N != 1 || d.Labels != nil {
			t.Errorf("one picture: %v, %v", d, err)
		}
	}
	// Grey by the weights of Rec. 601, and transparency on white.
	clear := canvas(1, 1, func(int, int) color.Color { return color.NRGBA{0, 0, 0, 51} })
	d, err = Open("images:"+folder(t, map[string][]byte{"a.png": pngFile(t, clear), "b.png": pngFile(t, canvas(1, 1, solid(255, 0, 0)))})+",grey,test=0", Train)
	if err != nil || !bytes.Equal(d.Pixels, []byte{204, 76}) || d.C != 1 {
		t.Errorf("grey: %v, %v", d, err)
	}
}

// The eight ways to hold a camera show the same picture.
func TestImageOrientation(t *testing.T) {
	// Corners: red at the top left, green at the top right, blue at the bottom left.
	upright := canvas(32, 16, func(x, y int) color.Color {
		switch {
		case x < 16 && y < 8:
			return color.NRGBA{255, 0, 0, 255}
		case y < 8:
			return color.NRGBA{0, 255, 0, 255}
		case x < 16:
			return color.NRGBA{0, 0, 255, 255}
		}
		return color.White
	})
	for o := byte(1); o <= 8; o++ {
		// Where the pixel of the upright picture lies in the file, by EXIF's words:
		// row 0 is the visual top, bottom, left or right, and column 0 alike.
		w, h := 32, 16
		if o > 4 {
			w, h = h, w
		}
		stored := canvas(w, h, func(x, y int) color.Color {
			across, down := x, y
			if o > 4 { // rows of the file are columns of the view
				across, down = y, x
			}
			if o == 2 || o == 3 || o == 6 || o == 7 {
				across = 31 - across
			}
			if o == 3 || o == 4 || o == 7 || o == 8 {
				down = 15 - down
			}
			return upright.At(across, down)
		})
		d, err := Open("images:"+folder(t, map[string][]byte{"a.jpg": turned(t, stored, o)})+",test=0", Train)
		if err != nil {
			t.Errorf("orientation %d: %v", o, err)
			continue
		}
		wantShape(t, fmt.Sprint(o), d.Info(), 1, 16, 32, 3)
		at := func(x, y int) []byte { return d.Pixels[(y*32+x)*3:][:3] }
		if !near(at(4, 3), []byte{255, 0, 0}, 40) || !near(at(28, 3), []byte{0, 255, 0}, 40) || !near(at(4, 12), []byte{0, 0, 255}, 40) {
			t.Errorf("orientation %d: corners %v %v %v", o, at(4, 3), at(28, 3), at(4, 12))
		}
	}
}

func TestImageSizes(t *testing.T) {
	wide := canvas(40, 20, func(x, _ int) color.Color {
		if x < 10 || x >= 30 {
			return color.NRGBA{255, 0, 0, 255}
		}
		return color.NRGBA{0, 0, 255, 255}
	})
	files := map[string][]byte{"a.png": pngFile(t, wide), "b.png": pngFile(t, canvas(7, 9, solid(0, 0, 255)))}
	dir := folder(t, files)
	_, err := Open("images:"+dir+",test=0", Train)
	wantError(t, err, "a.png has 40×20", "b.png 7×9", "size=64")
	d, err := Open("images:"+dir+",size=10,test=0", Train)
	if err != nil {
		t.Fatal(err)
	}
	wantShape(t, "size=10", d.Info(), 2, 10, 10, 3)
	if !near(d.Image(0)[3*55:][:3], []byte{0, 0, 255}, 2) || !near(d.Image(0)[3*50+3:][:3], []byte{0, 0, 255}, 30) {
		t.Errorf("the middle is not cut out: %v", d.Image(0)[3*50:][:30])
	}
	d, err = Open("images:"+dir+",size=8x4,crop=none,test=0", Train)
	if err != nil {
		t.Fatal(err)
	}
	wantShape(t, "size=8x4", d.Info(), 2, 4, 8, 3)
	if !near(d.Image(0)[:3], []byte{255, 0, 0}, 30) || !near(d.Image(0)[3*4:][:3], []byte{0, 0, 255}, 30) {
		t.Errorf("the picture is not stretched: %v", d.Image(0)[:24])
	}
	for options, want := range map[string]string{",size=0": "from 1 to 8192", ",size=ax4": "size", ",crop=none": "size=64", ",crop=top,size=4": "center or none", ",test=1": "0 to 0.9"} {
		_, err := Open("images:"+dir+options, Train)
		wantError(t, err, want)
	}
}

func TestImageFolders(t *testing.T) {
	dir := t.TempDir()
	picture := pngFile(t, canvas(2, 2, solid(1, 2, 3)))
	add := func(name string) { write(t, filepath.Join(dir, name), picture) }
	for i := range 40 {
		add(fmt.Sprintf("a-b/%d.png", i))
		add(fmt.Sprintf("a/deep/down/%d.png", i))
	}
	add(".hidden.png")
	add(".thumbs/x.png")
	write(t, filepath.Join(dir, "a/notes.txt"), nil)
	train, err := Open("images:"+dir, Train)
	if err != nil {
		t.Fatal(err)
	}
	test, err := Open("images:"+dir, Test)
	if err != nil {
		t.Fatal(err)
	}
	if train.N+test.N != 80 || test.N < 2 || test.N > 20 {
		t.Errorf("parts of %d and %d, want about 72 and 8", train.N, test.N)
	}
	if !slices.Equal(train.Classes, []string{"a", "a-b"}) || train.Labels[0] != 1 || train.Labels[train.N-1] != 0 {
		t.Errorf("labels %v of %q", train.Labels, train.Classes)
	}
	// A file stays in its part when others come.
	before, err := listFolder(&spec{path: dir}, Test, testShare, pictureEndings...)
	if err != nil {
		t.Fatal(err)
	}
	add("a/new.png")
	after, err := listFolder(&spec{path: dir}, Test, testShare, pictureEndings...)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range before.paths {
		if !slices.Contains(after.paths, path) {
			t.Errorf("%s left the test part", path)
		}
	}
	add("stray.png")
	_, err = Open("images:"+dir, Train)
	wantError(t, err, "stray.png", "in none", "unlabelled")
	if d, err := Open("images:"+dir+",unlabelled", Train); err != nil || d.Labels != nil {
		t.Errorf("unlabelled: %v, %v", d, err)
	}

	// Folders train and test are the parts, and their classes are numbered alike.
	dir = t.TempDir()
	add("train/cat/1.png")
	add("train/dog/2.png")
	add("test/dog/3.png")
	add("test/eel/4.png")
	d, err := Open("images:"+dir, Test)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(d.Classes, []string{"cat", "dog", "eel"}) || !bytes.Equal(d.Labels, []byte{1, 2}) {
		t.Errorf("labels %v of %q", d.Labels, d.Classes)
	}
	_, err = Open("images:"+t.TempDir(), Train)
	wantError(t, err, "want files that end with .png, .jpg", "found none")
	_, err = Open("images:"+filepath.Join(dir, "none"), Train)
	wantError(t, err, "readable folder", "none")
	dir = t.TempDir()
	for i := range 257 {
		add(fmt.Sprintf("c%d/x.png", i))
	}
	_, err = Open("images:"+dir, Train)
	wantError(t, err, "257 folders", "at most 256 classes", "unlabelled")
}

// A picture that claims to be large, one that is cut short and one with a wrong
// byte in the middle.
func TestBrokenImages(t *testing.T) {
	good := pngFile(t, canvas(8, 8, func(x, y int) color.Color { return color.NRGBA{uint8(31 * x), uint8(31 * y), uint8(x * y), 255} }))
	bomb := slices.Clone(good)
	binary.BigEndian.PutUint32(bomb[16:], 1<<20)
	binary.BigEndian.PutUint32(bomb[20:], 1<<20)
	middle := slices.Clone(good)
	middle[len(middle)/2] ^= 0x55
	dir := folder(t, map[string][]byte{
		"a.png": good, "bomb.png": fixCRC(bomb), "cut.png": good[:len(good)-20], "empty.png": nil, "middle.png": middle, "text.png": []byte("not a picture at all"),
		"cut.jpg": jpegFile(t, canvas(8, 8, solid(1, 2, 3)))[:400], "z.png": good,
	})
	var warnings []string
	warn := func(w string) { warnings = append(warnings, w) }
	for _, limit := range []int64{0, 1} { // in memory, and not
		warnings = nil
		set, err := OpenSource("images:"+dir+",test=0", Train, Options{Warn: warn, MemoryLimit: limit})
		if err != nil {
			t.Fatal(err)
		}
		n := set.Info().N
		dst := make([]float32, n*8*8*3)
		if err := set.Read(dst, numbers(0, n)); err != nil {
			t.Fatal(err)
		}
		all := strings.Join(warnings, "\n")
		for _, want := range []string{"bomb.png: the header claims 1048576×1048576", "cut.png", "cut.jpg", "empty.png: the file is empty", "middle.png", "text.png: want a PNG"} {
			if !strings.Contains(all, want) {
				t.Errorf("limit %d: no warning %q in\n%s", limit, want, all)
			}
		}
		if len(warnings) != 6 || n != map[int64]int{0: 2, 1: 3}[limit] {
			t.Errorf("limit %d: %d warnings, %d pictures left", limit, len(warnings), n)
		}
	}
	_, err := OpenSource("images:"+dir+",test=0", Train, Options{Strict: true})
	wantError(t, err, "bomb.png", "1048576×1048576 pixels")
	_, err = OpenSource("images:"+folder(t, map[string][]byte{"a.png": nil, "b.png": nil})+",test=0", Train, Options{})
	wantError(t, err, "none of its 2 pictures", "a.png")
}

// fixCRC makes the checksum of a PNG's header right again.
func fixCRC(file []byte) []byte {
	binary.BigEndian.PutUint32(file[29:], crc32.ChecksumIEEE(file[12:29]))
	return file
}

func BenchmarkDecodePNG32(b *testing.B) {
	file := pngFile(b, canvas(32, 32, func(x, y int) color.Color { return color.NRGBA{uint8(7 * x), uint8(5 * y), uint8(x * y), 255} }))
	s := shaper{width: 32, height: 32}
	dst := make([]byte, 32*32*3)
	for b.Loop() {
		if err := s.decode(dst, file); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzImages reads arbitrary bytes as a file in a folder: its header, and, for
// what passes, its pixels.
func FuzzImages(f *testing.F) {
	picture := canvas(5, 3, func(x, y int) color.Color { return color.NRGBA{uint8(50 * x), uint8(80 * y), 7, uint8(255 - 9*x)} })
	for _, seed := range [][]byte{nil, pngFile(f, picture), jpegFile(f, picture), gifFile(f, picture), webpFile(f), turned(f, picture, 6), pngFile(f, picture)[:40]} {
		f.Add(seed)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, file []byte) {
		path := filepath.Join(dir, fmt.Sprintf("%d.png", os.Getpid()))
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		p := &images{files: &listing{root: dir, paths: []string{filepath.Base(path)}}}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		h, err := p.look(0)
		if err == nil {
			dst := make([]byte, 8*8*3)
			s := shaper{width: 8, height: 8, resize: true}
			err = s.decode(dst, file)
			if err == nil && h.width*h.height == 0 {
				t.Fatalf("a picture of %d×%d pixels was decoded", h.width, h.height)
			}
		}
		runtime.ReadMemStats(&after)
		// Decoders take up to 12 bytes a pixel of their own, twice; drawing as many.
		if used, limit := after.TotalAlloc-before.TotalAlloc, uint64(1<<20+pixelsPerByte*len(file))*64; used > limit {
			t.Fatalf("%d bytes of file took %d of memory, %v", len(file), used, err)
		}
	})
}
