package data

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/draw"
	"golang.org/x/image/webp"
)

// Bounds of what a header may claim, so that a small file cannot ask for much
// memory: so many pixels in all, and so many for each byte of the file beyond
// the first million. No format but a one-coloured WebP does with less.
const (
	maxPixels     = 1 << 26
	pixelsPerByte = 1024
)

// format is how a picture is encoded.
type format struct {
	name   string
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}

// pictureEndings are those of the names of pictures.
var pictureEndings = []string{".png", ".jpg", ".jpeg", ".gif", ".webp"}

// formatOf tells the format by a file's first bytes, whatever its name.
func formatOf(start []byte) (format, error) {
	switch {
	case bytes.HasPrefix(start, []byte("\x89PNG\r\n\x1a\n")):
		return format{"PNG", png.DecodeConfig, png.Decode}, nil
	case bytes.HasPrefix(start, []byte("\xff\xd8")):
		return format{"JPEG", jpeg.DecodeConfig, jpeg.Decode}, nil
	case bytes.HasPrefix(start, []byte("GIF8")):
		return format{"GIF", gif.DecodeConfig, gif.Decode}, nil // the first frame
	case len(start) >= 12 && string(start[:4]) == "RIFF" && string(start[8:12]) == "WEBP":
		return format{"WebP", webp.DecodeConfig, webp.Decode}, nil
	}
	return format{}, fmt.Errorf("want a PNG, JPEG, GIF or WebP picture, it begins with %q", start[:min(len(start), 12)])
}

// header is what is known of a picture before it is decoded: its size as it is
// to be seen.
type header struct {
	format        format
	width, height int
	orientation   int // 1 … 8, of EXIF
}

// readHeader reads the header of a picture in a file of size bytes, which r
// reads from the start.
func readHeader(r io.ReadSeeker, size int64) (h header, err error) {
	defer recoverDecoder(&err)
	start := make([]byte, 12)
	n, err := io.ReadFull(r, start)
	if n == 0 {
		return h, errors.New("the file is empty")
	}
	if h.format, err = formatOf(start[:n]); err != nil {
		return h, err
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return h, err
	}
	c, err := h.format.config(r)
	if err != nil {
		return h, err
	}
	if c.Width < 1 || c.Height < 1 || int64(c.Width)*int64(c.Height) > min(maxPixels, 1<<20+pixelsPerByte*size) {
		return h, fmt.Errorf("the header claims %d×%d pixels, more than a file of %d bytes should hold", c.Width, c.Height, size)
	}
	h.width, h.height, h.orientation = c.Width, c.Height, 1
	if h.format.name == "JPEG" {
		if _, err := r.Seek(0, io.SeekStart); err != nil {
			return h, err
		}
		h.orientation = orientationOf(r)
	}
	if h.orientation > 4 {
		h.width, h.height = h.height, h.width
	}
	return h, nil
}

// recoverDecoder makes an error of a decoder's panic over a damaged file.
func recoverDecoder(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("the file is damaged: %v", p)
	}
}

// orientationOf finds the tag Orientation in a JPEG file (EXIF 2.3): how the
// camera was held. Where there is none, or nothing that can be understood, it
// is 1, upright.
func orientationOf(r io.Reader) int {
	var b [4]byte
	if _, err := io.ReadFull(r, b[:2]); err != nil {
		return 1
	}
	for {
		if _, err := io.ReadFull(r, b[:]); err != nil || b[0] != 0xff {
			return 1
		}
		length := int64(binary.BigEndian.Uint16(b[2:])) - 2
		if b[1] == 0xda || length < 0 { // the scan: no tags behind it
			return 1
		}
		if b[1] != 0xe1 {
			if _, err := io.CopyN(io.Discard, r, length); err != nil {
				return 1
			}
			continue
		}
		segment := make([]byte, length)
		if _, err := io.ReadFull(r, segment); err != nil {
			return 1
		}
		if tags, ok := bytes.CutPrefix(segment, []byte("Exif\x00\x00")); ok {
			return orientationTag(tags)
		}
	}
}

// orientationTag looks through the first directory of a TIFF file.
func orientationTag(tiff []byte) int {
	if len(tiff) < 8 {
		return 1
	}
	var order binary.ByteOrder = binary.LittleEndian
	if tiff[0] == 'M' {
		order = binary.BigEndian
	}
	at := int64(order.Uint32(tiff[4:]))
	if at+2 > int64(len(tiff)) {
		return 1
	}
	for entries := tiff[at+2:]; len(entries) >= 12; entries = entries[12:] {
		if order.Uint16(entries) == 0x0112 {
			if o := int(order.Uint16(entries[8:])); o >= 1 && o <= 8 {
				return o
			}
			return 1
		}
	}
	return 1
}

// looksWhole reports whether the end of a file is what its format ends with.
// Some programs write more behind it, so a file that does not may still be
// whole.
func looksWhole(name string, tail []byte, size int64, start []byte) bool {
	switch name {
	case "PNG":
		return bytes.Contains(tail, []byte("IEND\xae\x42\x60\x82"))
	case "JPEG":
		return bytes.Contains(tail, []byte{0xff, 0xd9})
	case "GIF":
		return bytes.HasSuffix(tail, []byte{0, ';'})
	}
	return int64(binary.LittleEndian.Uint32(start[4:]))+8 <= size
}

// shaper brings pictures into one size and number of channels.
type shaper struct {
	width, height int
	resize        bool // pictures of other sizes; where it is not set they are errors
	stretch       bool // rather than cut off what sticks out
	grey          bool
}

// decode decodes the picture in file to dst, row by row, with 3 channels or 1.
func (s *shaper) decode(dst, file []byte) (err error) {
	defer recoverDecoder(&err)
	h, err := readHeader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return err
	}
	if !s.resize && (h.width != s.width || h.height != s.height) {
		return fmt.Errorf("want %d×%d pixels, got %d×%d", s.width, s.height, h.width, h.height)
	}
	im, err := h.format.decode(bytes.NewReader(file))
	if err != nil {
		return err
	}
	s.write(dst, s.scale(im, h), h.orientation)
	return nil
}

// scale draws a picture on white, in the size that is wanted, but as it lies in
// the file: the orientation is still to be applied.
func (s *shaper) scale(im image.Image, h header) *image.RGBA {
	width, height := s.width, s.height
	whole := image.Rect(0, 0, h.width, h.height) // a frame of a GIF may be smaller
	if h.orientation > 4 {
		width, height = height, width
		whole = image.Rect(0, 0, h.height, h.width)
	}
	if h.format.name != "GIF" {
		whole = im.Bounds()
	}
	to := image.NewRGBA(image.Rect(0, 0, width, height))
	draw.Draw(to, to.Bounds(), image.White, image.Point{}, draw.Src)
	from := whole
	if !s.stretch {
		from = middle(whole, width, height)
	}
	if from.Dx() == width && from.Dy() == height {
		draw.Draw(to, to.Bounds(), im, from.Min, draw.Over)
		return to
	}
	if im.Bounds() != whole {
		canvas := image.NewRGBA(whole)
		draw.Draw(canvas, whole, image.White, image.Point{}, draw.Src)
		draw.Draw(canvas, im.Bounds(), im, im.Bounds().Min, draw.Over)
		im = canvas
	}
	draw.CatmullRom.Scale(to, to.Bounds(), im, from, draw.Over, nil)
	return to
}

// middle returns the largest rectangle with the proportions of width and height
// in the middle of another.
func middle(of image.Rectangle, width, height int) image.Rectangle {
	w, h := of.Dx(), of.Dy()
	if w*height > h*width {
		w = max((h*width+height/2)/height, 1)
	} else {
		h = max((w*height+width/2)/width, 1)
	}
	at := of.Min.Add(image.Pt((of.Dx()-w)/2, (of.Dy()-h)/2))
	return image.Rectangle{at, at.Add(image.Pt(w, h))}
}

// write copies a picture, turned or mirrored as its orientation says.
func (s *shaper) write(dst []byte, im *image.RGBA, orientation int) {
	w, h := s.width, s.height
	at := 0
	for y := range h {
		for x := range w {
			fromX, fromY := x, y
			switch orientation {
			case 2:
				fromX = w - 1 - x
			case 3:
				fromX, fromY = w-1-x, h-1-y
			case 4:
				fromY = h - 1 - y
			case 5:
				fromX, fromY = y, x
			case 6:
				fromX, fromY = y, w-1-x
			case 7:
				fromX, fromY = h-1-y, w-1-x
			case 8:
				fromX, fromY = h-1-y, x
			}
			p := im.Pix[im.PixOffset(fromX, fromY):][:3]
			if s.grey {
				dst[at] = color.GrayModel.Convert(color.RGBA{p[0], p[1], p[2], 255}).(color.Gray).Y
				at++
				continue
			}
			dst[at], dst[at+1], dst[at+2] = p[0], p[1], p[2]
			at += 3
		}
	}
}
