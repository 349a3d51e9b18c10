package export

import (
	"fmt"
	"image"
	"image/color"
	"image/color/palette"
	"image/draw"
	"image/gif"
	"io"
)

// Frame is a picture of a film.
type Frame struct {
	Image image.Image
	Delay int // how long it is shown, in hundredths of a second
}

// WriteGIF encodes frames of one size as an animated GIF that runs for ever. Grey
// pictures keep their 256 levels; others are drawn in 256 colours with Floyd and
// Steinberg's error diffusion.
func WriteGIF(w io.Writer, frames []Frame) error {
	if len(frames) == 0 {
		return fmt.Errorf("gif: want at least one frame")
	}
	bounds := frames[0].Image.Bounds()
	drawn := map[image.Image]*image.Paletted{} // a film may show a picture twice
	grey := true
	for _, f := range frames {
		if f.Image.Bounds() != bounds || f.Delay < 1 {
			return fmt.Errorf("gif: a frame of %v for %d/100 s among those of %v, want one size and 1/100 s or more", f.Image.Bounds().Size(), f.Delay, bounds.Size())
		}
		if grey && drawn[f.Image] == nil {
			drawn[f.Image], grey = greyFrame(f.Image)
		}
	}
	if !grey {
		clear(drawn)
	}
	var film gif.GIF
	for _, f := range frames {
		if drawn[f.Image] == nil {
			p := image.NewPaletted(bounds, palette.Plan9)
			draw.FloydSteinberg.Draw(p, bounds, f.Image, bounds.Min)
			drawn[f.Image] = p
		}
		film.Image, film.Delay = append(film.Image, drawn[f.Image]), append(film.Delay, f.Delay)
	}
	if err := gif.EncodeAll(w, &film); err != nil {
		return fmt.Errorf("gif: %w", err)
	}
	return nil
}

// greyFrame draws a picture by levels of grey, if it has no others.
func greyFrame(im image.Image) (p *image.Paletted, ok bool) {
	b := im.Bounds()
	p = image.NewPaletted(b, greys())
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			r, g, blue, _ := im.At(x, y).RGBA()
			if r != g || g != blue {
				return nil, false
			}
			p.Pix[p.PixOffset(x, y)] = uint8(r >> 8)
		}
	}
	return p, true
}

// greys returns all levels of grey.
func greys() color.Palette {
	var p color.Palette
	for v := range 256 {
		p = append(p, color.Gray{uint8(v)})
	}
	return p
}
