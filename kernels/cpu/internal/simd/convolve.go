package simd

import (
	"fmt"
	"unsafe"
)

// ConvolveLines and ConvolveElements are the most rows of a filter, and the most
// elements of each, that [Convolve] takes.
const (
	ConvolveLines    = 3
	ConvolveElements = 3
)

// A Convolution is a filter on an image of few channels, whose elements under
// one filter row lie behind one another, and places of the result, of rows or
// columns that lie anywhere. All strides count elements and are not negative.
type Convolution struct {
	Images, Rows, Places      int
	Lines, Elements           int // rows of the filter, and elements of each
	N                         int // channels of the result
	Image, Row, Step          int // of the image: from image to image, from row to row, from place to place
	Line                      int // from one filter row to the next
	DstImage, DstRow, DstStep int // of the result
	FilterLine                int // of the filter, from row to row; elements are N apart
	Act                       Activation
	Stream                    bool // past the caches, where the result lies so that it can: better if they do not hold it
}

// Convolve computes a convolution, or a part of its places:
//
//	dst[i·DstImage + r·DstRow + p·DstStep + n] =
//		act(bias[n] + Σ_l Σ_e x[i·Image + r·Row + p·Step + l·Line + e] · filter[l·FilterLine + e·N + n])
//
// A nil bias is zeros. A gate, which lies in memory as dst does, lets through
// the elements of dst where it is above 0, and makes the others 0; nil lets all
// through. Places of dst do not overlap, and dst overlaps no operand.
func Convolve(v *Convolution, dst, x, filter, bias, gate []float32) {
	if v.Images <= 0 || v.Rows <= 0 || v.Places <= 0 || v.N <= 0 {
		return
	}
	if v.Lines < 1 || v.Lines > ConvolveLines || v.Elements < 1 || v.Elements > ConvolveElements {
		panic(fmt.Sprintf("simd: Convolve wants 1 to %d rows of 1 to %d elements, got %+v", ConvolveLines, ConvolveElements, *v))
	}
	if min(v.Image, v.Row, v.Step, v.Line, v.DstImage, v.DstRow, v.DstStep, v.FilterLine) < 0 || v.Places > 1 && v.DstStep < v.N {
		panic(fmt.Sprintf("simd: negative stride, or places of the result that overlap, in %+v", *v))
	}
	wantW := (v.Lines-1)*v.FilterLine + v.Elements*v.N
	wantX := (v.Images-1)*v.Image + (v.Rows-1)*v.Row + (v.Places-1)*v.Step + (v.Lines-1)*v.Line + v.Elements
	wantDst := (v.Images-1)*v.DstImage + (v.Rows-1)*v.DstRow + (v.Places-1)*v.DstStep + v.N
	if len(filter) < wantW || len(x) < wantX || len(dst) < wantDst || bias != nil && len(bias) < v.N || gate != nil && len(gate) < wantDst {
		panic(fmt.Sprintf("simd: %+v wants %d elements of the filter, %d of the image, %d of the result and of the gate and a bias for each channel, got %d, %d, %d, %d and %d",
			*v, wantW, wantX, wantDst, len(filter), len(x), len(dst), len(gate), len(bias)))
	}
	convolve(v, dst, x, filter, bias, gate)
}

func convolveGeneric(v *Convolution, dst, x, filter, bias, gate []float32) {
	for i := range v.Images {
		for r := range v.Rows {
			for p := range v.Places {
				at := i*v.DstImage + r*v.DstRow + p*v.DstStep
				v.place(dst[at:][:v.N], x[i*v.Image+r*v.Row+p*v.Step:], filter, bias)
				for n := range v.N {
					if gate != nil && !(gate[at+n] > 0) {
						dst[at+n] = 0
					}
				}
			}
		}
	}
}

// place computes one place, ungated.
func (v *Convolution) place(to, x, filter, bias []float32) {
	clear(to)
	copy(to, bias)
	for l := range v.Lines {
		for e, element := range x[l*v.Line:][:v.Elements] {
			from := filter[l*v.FilterLine+e*v.N:][:v.N]
			for n := range to {
				to[n] += float32(element * from[n])
			}
		}
	}
	for n := range to {
		to[n] = v.Act.of(to[n])
	}
}

// convolution is the argument of a Convolve kernel; the generator knows its
// layout. Strides are in bytes.
type convolution struct {
	dst, x, w, gate           unsafe.Pointer
	images, rows, places      int // images that are left
	step, row, image, line    int
	dstStep, dstRow, dstImage int
	wStep, wLine              int // from element to element, and from row to row of the filter
	relu, stream              int // 0 or 1
	maskBits                  uint64
	_, _, _                   int // where the row lies, and how many are left
	xAt, dstAt                int // where the image lies
	_                         int
	mask                      [8]int32                                       // as in tile
	bias                      [32]float32                                    // of the channels computed together
	packed                    [ConvolveLines * ConvolveElements * 16]float32 // the filter of two vectors of eight, element by element
}
