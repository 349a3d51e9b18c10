package tasks

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math"

	"hourglass/data"
)

// sheet is a picture of images in rows.
type sheet struct {
	info         data.Info
	side         int // images to a row
	shrink       int
	h, w         int // of an image on the sheet
	cellH, cellW int
	grey         *image.Gray
	colour       *image.RGBA
}

func newSheet(info data.Info, side, shrink int) *sheet {
	block := 8
	if info.C == 3 {
		block = 16 // colours are stored at half the size
	}
	whole := func(n int) int {
		if side == 1 {
			return n
		}
		return (n + block - 1) / block * block
	}
	s := &sheet{info: info, side: side, shrink: shrink, h: info.H / shrink, w: info.W / shrink}
	s.cellH, s.cellW = whole(s.h), whole(s.w)
	bounds := image.Rect(0, 0, side*s.cellW, side*s.cellH)
	if info.C == 1 {
		s.grey = image.NewGray(bounds)
	} else {
		s.colour = image.NewRGBA(bounds)
	}
	return s
}

// draw draws samples into their cells and leaves the others black.
func (s *sheet) draw(samples []float32) {
	size := s.info.SampleSize()
	for cell := range s.side * s.side {
		for y := range s.cellH {
			for x := range s.cellW {
				var c [3]uint8
				if from := cell * size; from < len(samples) {
					c = s.mean(samples[from:from+size], min(y, s.h-1), min(x, s.w-1))
				}
				px, py := cell%s.side*s.cellW+x, cell/s.side*s.cellH+y
				if s.grey != nil {
					s.grey.SetGray(px, py, color.Gray{Y: c[0]})
				} else {
					s.colour.SetRGBA(px, py, color.RGBA{c[0], c[1], c[2], 255})
				}
			}
		}
	}
}

// mean returns a pixel of a sample that is made smaller.
func (s *sheet) mean(sample []float32, y, x int) (c [3]uint8) {
	for k := range s.info.C {
		sum := 0.0
		for i := range s.shrink * s.shrink {
			row, column := y*s.shrink+i/s.shrink, x*s.shrink+i%s.shrink
			sum += float64(sample[(row*s.info.W+column)*s.info.C+k])
		}
		c[k] = uint8(math.Round(255 * min(max(sum/float64(s.shrink*s.shrink), 0), 1)))
	}
	return c
}

// squaredErrors returns the size of the sheet as JPEG and the sum of the squared
// errors of the samples on it.
func (s *sheet) squaredErrors(quality int, samples []float32) (size int64, sum float64, err error) {
	var im image.Image = s.colour
	if s.grey != nil {
		im = s.grey
	}
	count := len(samples) / s.info.SampleSize()
	rows := (count + s.side - 1) / s.side
	im = im.(interface {
		SubImage(image.Rectangle) image.Image
	}).SubImage(image.Rect(0, 0, s.side*s.cellW, rows*s.cellH))
	var b bytes.Buffer
	if err := jpeg.Encode(&b, im, &jpeg.Options{Quality: quality}); err != nil {
		return 0, 0, fmt.Errorf("tasks: jpeg: %w", err)
	}
	size = int64(b.Len())
	back, err := jpeg.Decode(&b)
	if err != nil {
		return 0, 0, fmt.Errorf("tasks: jpeg: %w", err)
	}
	cell := make([]float64, s.h*s.w*s.info.C)
	for i := range count {
		s.read(cell, back, i)
		sample := samples[i*s.info.SampleSize():]
		for y := range s.info.H {
			for x := range s.info.W {
				for k := range s.info.C {
					d := s.at(cell, y, x, k) - float64(sample[(y*s.info.W+x)*s.info.C+k])
					sum += d * d
				}
			}
		}
	}
	return size, sum, nil
}

// read copies an image of a sheet to cell, from 0 to 1.
func (s *sheet) read(cell []float64, from image.Image, i int) {
	for y := range s.h {
		for x := range s.w {
			r, g, b, _ := from.At(i%s.side*s.cellW+x, i/s.side*s.cellH+y).RGBA()
			for k, v := range []uint32{r, g, b}[:s.info.C] {
				cell[(y*s.w+x)*s.info.C+k] = float64(v>>8) / 255
			}
		}
	}
}

// at returns a pixel of an image that is made larger again.
func (s *sheet) at(cell []float64, y, x, k int) float64 {
	if s.shrink == 1 {
		return cell[(y*s.w+x)*s.info.C+k]
	}
	// Centres of pixels lie at halves.
	place := func(i, n int) (int, int, float64) {
		at := min(max((float64(i)+0.5)/float64(s.shrink)-0.5, 0), float64(n-1))
		low := int(at)
		return low, min(low+1, n-1), at - float64(low)
	}
	y0, y1, v := place(y, s.h)
	x0, x1, u := place(x, s.w)
	pixel := func(y, x int) float64 { return cell[(y*s.w+x)*s.info.C+k] }
	return (1-v)*((1-u)*pixel(y0, x0)+u*pixel(y0, x1)) + v*((1-u)*pixel(y1, x0)+u*pixel(y1, x1))
}
