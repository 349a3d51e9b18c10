package export

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math"
	"strings"
	"testing"
)

// flat is an image of one colour.
func flat(h, w int, channels ...float32) Image {
	im := Image{H: h, W: w, C: len(channels)}
	for range h * w {
		im.Pix = append(im.Pix, channels...)
	}
	return im
}

func grid(t *testing.T, rows []Row, o GridOptions) image.Image {
	t.Helper()
	im, err := Grid(rows, o)
	if err != nil {
		t.Fatal(err)
	}
	return im
}

func expectPixel(t *testing.T, im image.Image, x, y int, want color.NRGBA) {
	t.Helper()
	if got := color.NRGBAModel.Convert(im.At(x, y)).(color.NRGBA); got != want {
		t.Errorf("pixel (%d, %d) is %v, want %v", x, y, got, want)
	}
}

func TestGridDrawsValues(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, c := range []struct {
		channels []float32
		want     color.NRGBA
	}{
		{[]float32{0}, color.NRGBA{0, 0, 0, 255}},
		{[]float32{1}, color.NRGBA{255, 255, 255, 255}},
		{[]float32{0.5}, color.NRGBA{128, 128, 128, 255}},
		{[]float32{100. / 255}, color.NRGBA{100, 100, 100, 255}},
		{[]float32{-3}, color.NRGBA{0, 0, 0, 255}},
		{[]float32{1.7}, color.NRGBA{255, 255, 255, 255}},
		{[]float32{inf}, color.NRGBA{255, 255, 255, 255}},
		{[]float32{-inf}, color.NRGBA{0, 0, 0, 255}},
		{[]float32{nan}, color.NRGBA{255, 0, 255, 255}},
		{[]float32{0, 1, 0.2}, color.NRGBA{0, 255, 51, 255}},
		{[]float32{0, 1, nan}, color.NRGBA{255, 0, 255, 255}},
	} {
		im := grid(t, []Row{{Images: []Image{flat(1, 1, c.channels...)}}}, GridOptions{Scale: 1})
		expectPixel(t, im, margin+line, margin+line, c.want)
	}
}

func TestGridPlacesAndScales(t *testing.T) {
	// Two pixels high, three wide, every pixel its own grey.
	a := Image{H: 2, W: 3, C: 1, Pix: []float32{0, .2, .4, .6, .8, 1}}
	b := flat(2, 3, 1, 0, 0)
	im := grid(t, []Row{{Images: []Image{a, b}}, {}, {Images: []Image{b}}}, GridOptions{Scale: 4})
	wantW, wantH := 2*margin+2*12+3*line, 2*margin+2*(8+line)+groupGap+line
	if got := im.Bounds(); got != image.Rect(0, 0, wantW, wantH) {
		t.Fatalf("bounds %v, want %d×%d", got, wantW, wantH)
	}
	x0, y0 := margin+line, margin+line
	for y := range 8 {
		for x := range 12 {
			v := uint8(51 * (y/4*3 + x/4))
			expectPixel(t, im, x0+x, y0+y, color.NRGBA{v, v, v, 255})
			expectPixel(t, im, x0+12+line+x, y0+y, color.NRGBA{255, 0, 0, 255})
			expectPixel(t, im, x0+x, y0+8+line+groupGap+y, color.NRGBA{255, 0, 0, 255})
		}
	}
	expectPixel(t, im, 0, 0, paper)
	expectPixel(t, im, margin, margin, separator)
	expectPixel(t, im, x0+12, y0, separator)
	expectPixel(t, im, x0, y0+8, separator)
	expectPixel(t, im, x0+12+line+5, y0+8+line+groupGap+3, paper) // the second line has one image
}

func TestGridSetsImagesApart(t *testing.T) {
	im := grid(t, []Row{{Images: []Image{flat(1, 1, 0), flat(1, 1, 0)}}}, GridOptions{Scale: 2, Gap: 5})
	if got, want := im.Bounds(), image.Rect(0, 0, 2*margin+2*2+3*5, 2*margin+2+2*5); got != want {
		t.Fatalf("bounds %v, want %v", got, want)
	}
	black := color.NRGBA{0, 0, 0, 255}
	for x, want := range map[int]color.NRGBA{4: paper, 5: black, 6: black, 7: paper, 11: paper, 12: black, 13: black, 14: paper} {
		expectPixel(t, im, margin+x, margin+5, want)
	}
}

func TestGridScalesUntilLegible(t *testing.T) {
	for size, want := range map[int]int{1: 84, 28: 3, 32: 3, 64: 2, 84: 1, 300: 1} {
		l, err := newLayout([]Row{{Images: []Image{flat(size, 1, 0)}}}, GridOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if l.scale != want {
			t.Errorf("%d pixels are scaled by %d, want %d", size, l.scale, want)
		}
	}
}

func TestPairsAndTileFillLines(t *testing.T) {
	images := []Image{flat(1, 1, 0), flat(1, 1, 0.2), flat(1, 1, 0.4), flat(1, 1, 0.6), flat(1, 1, 0.8)}
	rows, err := Pairs(images, images, 2)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range rows {
		got = append(got, r.Label+strings.Repeat("*", len(r.Images)))
	}
	want := "original** reconstruction**  original** reconstruction**  original* reconstruction*"
	if s := strings.Join(got, " "); s != want {
		t.Errorf("rows %q, want %q", s, want)
	}
	im, err := Tile(images, 2, GridOptions{Scale: 1})
	if err != nil {
		t.Fatal(err)
	}
	for i := range images {
		v := uint8(51 * i)
		expectPixel(t, im, margin+line+i%2*(1+line), margin+line+i/2*(1+line), color.NRGBA{v, v, v, 255})
	}
}

func TestGridWritesLabels(t *testing.T) {
	im := grid(t, []Row{{"original", []Image{flat(28, 28, 1)}}}, GridOptions{})
	dark := 0
	for y := range im.Bounds().Dy() {
		for x := range margin + labelWidth("original") {
			if color.NRGBAModel.Convert(im.At(x, y)) == ink {
				dark++
			}
		}
	}
	if dark < 50 {
		t.Errorf("the label has %d dark pixels, want a word", dark)
	}
}

func TestGridRefusals(t *testing.T) {
	short := flat(2, 2, 0)
	short.Pix = short.Pix[1:]
	wrap := Image{H: 1 << 32, W: 1 << 32, C: 1}
	for name, rows := range map[string][]Row{
		"no images":      {{Label: "x"}},
		"two channels":   {{Images: []Image{flat(1, 1, 0, 0)}}},
		"no width":       {{Images: []Image{{H: 1, C: 1}}}},
		"too few values": {{Images: []Image{short}}},
		"size overflows": {{Images: []Image{wrap}}},
		"two sizes":      {{Images: []Image{flat(2, 2, 0)}}, {Images: []Image{flat(2, 3, 0)}}},
	} {
		if _, err := Grid(rows, GridOptions{}); err == nil {
			t.Errorf("%s: drawn, want an error", name)
		}
	}
	one := []Image{flat(28, 28, 0)}
	for _, scale := range []int{-1, 1 << 10, 1 << 40, math.MaxInt} {
		if _, err := Tile(one, 1, GridOptions{Scale: scale}); err == nil {
			t.Errorf("scale %d: drawn, want an error", scale)
		}
	}
	for _, gap := range []int{-1, 1 << 40} {
		if _, err := Tile(one, 1, GridOptions{Gap: gap}); err == nil {
			t.Errorf("gap %d: drawn, want an error", gap)
		}
	}
	if _, err := Tile(one, 0, GridOptions{}); err == nil {
		t.Error("0 columns: drawn, want an error")
	}
	if _, err := Pairs(one, nil, 1); err == nil {
		t.Error("an original without reconstruction was accepted")
	}
	if _, err := Pairs(one, one, -1); err == nil {
		t.Error("-1 columns were accepted")
	}
}

func TestWritePNGIsDeterministic(t *testing.T) {
	var first, again bytes.Buffer
	for _, b := range []*bytes.Buffer{&first, &again} {
		rows, err := Pairs([]Image{flat(28, 28, .5, 0, 1)}, []Image{flat(28, 28, .3)}, 1)
		if err != nil {
			t.Fatal(err)
		}
		if err := WritePNG(b, grid(t, rows, GridOptions{})); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), again.Bytes()) {
		t.Error("equal grids gave different bytes")
	}
	im, err := png.Decode(&first)
	if err != nil {
		t.Fatal(err)
	}
	expectPixel(t, im, im.Bounds().Dx()-margin-2*line, margin+line, color.NRGBA{128, 0, 255, 255})
}

// TestPlain keeps every pixel, and nothing besides.
func TestPlain(t *testing.T) {
	im, err := Plain(Image{H: 1, W: 3, C: 1, Pix: []float32{0, 0.5, 1}})
	if err != nil {
		t.Fatal(err)
	}
	if size := im.Bounds().Size(); size.X != 3 || size.Y != 1 {
		t.Errorf("size %v, want 3×1", size)
	}
	for x, want := range []uint32{0, 128 * 0x101, 0xffff} {
		if r, g, b, a := im.At(x, 0).RGBA(); r != want || g != want || b != want || a != 0xffff {
			t.Errorf("pixel %d is %d %d %d %d, want %d", x, r, g, b, a, want)
		}
	}
	if _, err := Plain(Image{H: 1, W: 2, C: 1, Pix: []float32{0}}); err == nil {
		t.Error("an image that lacks a pixel: no error")
	}
}
