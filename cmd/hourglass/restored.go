package main

import (
	"fmt"
	"math"
	"slices"

	"hourglass/models/export"
	"hourglass/models/tasks"
)

// A picture of restored images shows so many, unless told, so many to a line.
const (
	restoredImages  = 20
	restoredColumns = 10
)

// restoration is what denoise, inpaint and colorize have in common: images that
// the model is given, what it makes of them, and what they should be.
type restoration struct {
	clean, given, made string // what pictures call them
	as                 array

	before, after *tasks.Measure
	rows          [3][]export.Image // clean, given and made, for a picture
}

// restoredSummary is what --json prints of such a command.
type restoredSummary struct {
	summary
	Before *tasks.Quality `json:"before,omitempty"` // of what the model was given
	After  *tasks.Quality `json:"after,omitempty"`
}

// write runs a task and writes what it makes.
func (r *restoration) write(a *applied, o output, task func(use func(tasks.Restored) error) error) error {
	r.before, r.after = tasks.NewMeasure(r.as.shape), tasks.NewMeasure(r.as.shape)
	produce := func(add func([]float32) error) error {
		return task(func(b tasks.Restored) error {
			if b.Clean != nil {
				if err := r.before.Add(b.Given, b.Clean); err != nil {
					return err
				}
				if err := r.after.Add(b.Made, b.Clean); err != nil {
					return err
				}
			}
			if o.form == asPNG {
				for i, values := range [][]float32{b.Clean, b.Given, b.Made} {
					r.rows[i] = append(r.rows[i], picturesOf(slices.Clone(values), r.as.shape)...)
				}
			}
			return add(b.Made)
		})
	}
	if o.form != asPNG {
		return a.writeSamples(o, r.as, "images", produce)
	}
	if err := o.checkDrawn(r.as.n); err != nil {
		return err
	}
	if err := produce(func([]float32) error { return nil }); err != nil {
		return err
	}
	return writeGrid(o.path, r.grid())
}

// grid shows clean, given and made images one above the other.
func (r *restoration) grid() []export.Row {
	var rows []export.Row
	labels := [3]string{r.clean, r.given, r.made}
	for from := 0; from < len(r.rows[2]); from += restoredColumns {
		if from > 0 {
			rows = append(rows, export.Row{})
		}
		to := min(from+restoredColumns, len(r.rows[2]))
		for i, images := range r.rows {
			if len(images) > 0 {
				rows = append(rows, export.Row{Label: labels[i], Images: images[from:to]})
			}
		}
	}
	return rows
}

// tell says what was done, and how well where that is known.
func (r *restoration) tell(a *applied, o output, run, from string) error {
	before, after := r.before.Quality(), r.after.Quality()
	if after != nil && math.IsNaN(after.MSE) {
		return fmt.Errorf("%s is written, but some of what the model makes is not a number", o.path)
	}
	text := ""
	if after != nil {
		text = fmt.Sprintf(": %.2f dB PSNR from %.2f dB", after.PSNR, before.PSNR)
		if after.SSIM != nil {
			text += fmt.Sprintf(", SSIM %.3f from %.3f", *after.SSIM, *before.SSIM)
		}
	}
	s := restoredSummary{summary{run, from, r.as.n, r.as.shape, o.path}, before, after}
	return a.tell(o, s, "%d %s images of %s in %s%s", r.as.n, r.made, from, o.path, text)
}
