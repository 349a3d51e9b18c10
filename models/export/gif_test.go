package export

import (
	"bytes"
	"image"
	"image/color"
	"image/gif"
	"testing"
)

// TestWriteGIF reads a film back: greys are exact, colours near.
func TestWriteGIF(t *testing.T) {
	frame := func(c color.NRGBA) Frame {
		im := image.NewNRGBA(image.Rect(0, 0, 5, 4))
		for i := range 20 {
			im.SetNRGBA(i%5, i/5, c)
		}
		return Frame{im, 8}
	}
	for _, frames := range [][]Frame{
		{frame(color.NRGBA{7, 7, 7, 255}), frame(color.NRGBA{201, 201, 201, 255})},
		{frame(color.NRGBA{7, 7, 7, 255}), frame(color.NRGBA{255, 0, 0, 255})},
	} {
		var b bytes.Buffer
		if err := WriteGIF(&b, frames); err != nil {
			t.Fatal(err)
		}
		film, err := gif.DecodeAll(&b)
		if err != nil || len(film.Image) != 2 || film.Delay[1] != 8 || film.LoopCount != 0 {
			t.Fatalf("%d frames, %v", len(film.Image), err)
		}
		r, g, _, _ := film.Image[1].At(2, 2).RGBA()
		wr, wg, _, _ := frames[1].Image.At(2, 2).RGBA()
		if r != wr || g != wg {
			t.Errorf("a pixel of %d and %d, want %d and %d", r, g, wr, wg)
		}
	}
	if err := WriteGIF(new(bytes.Buffer), nil); err == nil {
		t.Error("no frames: no error")
	}
	if err := WriteGIF(new(bytes.Buffer), []Frame{frame(color.NRGBA{}), {image.NewNRGBA(image.Rect(0, 0, 4, 4)), 8}}); err == nil {
		t.Error("two sizes: no error")
	}
}

// TestGridColumns: labels of columns make the picture higher, and are ink above
// the first row.
func TestGridColumns(t *testing.T) {
	images := []Image{{H: 1, W: 1, C: 1, Pix: []float32{1}}, {H: 1, W: 1, C: 1, Pix: []float32{1}}}
	plain, err := Grid([]Row{{Images: images}}, GridOptions{})
	if err != nil {
		t.Fatal(err)
	}
	headed, err := Grid([]Row{{Images: images}}, GridOptions{Columns: []string{"one", "two"}})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := headed.Bounds().Dy(), plain.Bounds().Dy()+headHeight; got != want {
		t.Errorf("%d pixels high, want %d", got, want)
	}
	dark := 0
	for y := range headHeight + margin {
		for x := range headed.Bounds().Dx() {
			if r, _, _, _ := headed.At(x, y).RGBA(); r == 0 {
				dark++
			}
		}
	}
	if dark < 20 {
		t.Errorf("%d pixels of ink above the images", dark)
	}
	if _, err := Grid([]Row{{Images: images}}, GridOptions{Columns: make([]string, 3)}); err == nil {
		t.Error("three labels of two columns: no error")
	}
}
