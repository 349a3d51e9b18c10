package simd

import (
	"fmt"
	"unsafe"
)

// A Window is a filter on an image of few channels, whose elements under one
// filter row lie behind one another, and the places of the result, whose rows
// lie anywhere. All strides count elements and are not negative.
type Window struct {
	Rows, Places    int // of the result
	Lines, Elements int // rows of the filter, and elements of each
	N               int // channels of the result
	Step            int // of the image, from place to place
	Row             int // from one result row to the next
	Line            int // from one filter row to the next
	DYRow           int // of the result, from row to row; places are N apart
	SumLine         int // of the filter, from row to row; elements are N apart
}

// WindowGrad adds a filter's gradient, or a part of its rows', to sum:
//
//	sum[l·SumLine + e·N + n] += Σ_r Σ_p x[r·Row + p·Step + l·Line + e] · dy[r·DYRow + p·N + n]
//
// Rows of sum do not overlap. Each sum takes the rows, and in them the places, in their order.
func WindowGrad(w *Window, sum, x, dy []float32) {
	if w.Rows <= 0 || w.Places <= 0 || w.Lines <= 0 || w.Elements <= 0 || w.N <= 0 {
		return
	}
	if w.Step < 0 || w.Row < 0 || w.Line < 0 || w.DYRow < 0 || w.Lines > 1 && w.SumLine < w.Elements*w.N {
		panic(fmt.Sprintf("simd: negative stride, or sums that overlap, in %+v", *w))
	}
	wantSum := (w.Lines-1)*w.SumLine + w.Elements*w.N
	wantX := (w.Rows-1)*w.Row + (w.Places-1)*w.Step + (w.Lines-1)*w.Line + w.Elements
	wantDY := (w.Rows-1)*w.DYRow + w.Places*w.N
	if len(sum) < wantSum || len(x) < wantX || len(dy) < wantDY {
		panic(fmt.Sprintf("simd: %+v wants %d sums, %d elements of the image and %d of the gradient, got %d, %d and %d",
			*w, wantSum, wantX, wantDY, len(sum), len(x), len(dy)))
	}
	windowGrad(w, sum, x, dy)
}

func windowGradGeneric(w *Window, sum, x, dy []float32) {
	for r := range w.Rows {
		for p := range w.Places {
			at := dy[r*w.DYRow+p*w.N:][:w.N]
			for l := range w.Lines {
				for e, v := range x[r*w.Row+p*w.Step+l*w.Line:][:w.Elements] {
					to := sum[l*w.SumLine+e*w.N:][:w.N]
					for n, d := range at {
						to[n] += float32(v * d)
					}
				}
			}
		}
	}
}

// window is the argument of a WindowGrad kernel; the generator knows its
// layout. Strides are in bytes.
type window struct {
	sum, x, dy    unsafe.Pointer
	rows, places  int
	step, row     int
	line          int
	dyStep, dyRow int
	sumStep       int // from element to element
	sumLine       int // from filter row to filter row
	maskBits      uint64
	mask          [8]int32 // as in tile
}
