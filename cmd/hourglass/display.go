package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"hourglass/models/train"
)

// How often the display says something of a running epoch: on a terminal it
// moves, in a file it should not grow fast.
const (
	barInterval  = 100 * time.Millisecond
	lineInterval = 10 * time.Second
)

// display tells how training goes: a bar that moves on a terminal, plain lines
// elsewhere.
type display struct {
	w        io.Writer
	bar      *progressbar.ProgressBar // nil for lines
	interval time.Duration

	epochs, total int // of the whole run; total counts steps
	first, done   int // steps when the display began, and now
	began, shown  time.Time
	images        int     // since shown
	rate          float64 // images per second, smoothed
	validation    string  // the last validation loss and error
}

// newDisplay begins a display of a run of total steps, done of which are behind
// it.
func newDisplay(w io.Writer, epochs, done, total int) *display {
	now := time.Now()
	d := &display{w: w, interval: lineInterval, epochs: epochs, total: total, first: done, done: done, began: now, shown: now}
	if isTerminal(w) {
		d.interval = barInterval
		d.bar = progressbar.NewOptions(total,
			progressbar.OptionSetWriter(w),
			progressbar.OptionSetWidth(20),
			progressbar.OptionSetPredictTime(false),
			progressbar.OptionSetElapsedTime(false),
			progressbar.OptionShowDescriptionAtLineEnd(),
			progressbar.OptionClearOnFinish(),
			progressbar.OptionSetTheme(progressbar.Theme{BarStart: "▕", Saucer: "█", SaucerHead: "▌", SaucerPadding: "░", BarEnd: "▏"}),
		)
	}
	return d
}

// isTerminal reports whether a reader or writer is a terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// step shows a training step, if it is time to.
func (d *display) step(s train.Step) {
	d.done = s.Step
	d.images += s.Images
	now := time.Now()
	passed := now.Sub(d.shown)
	if passed < d.interval {
		return
	}
	rate := float64(d.images) / passed.Seconds()
	if d.rate == 0 {
		d.rate = rate
	}
	d.rate += (rate - d.rate) / 4
	d.shown, d.images = now, 0
	if d.bar == nil {
		fmt.Fprintf(d.w, "epoch %d/%d  step %d/%d  loss %s%s  %.0f images/s  %s left\n",
			s.Epoch, d.epochs, s.Batch, s.Batches, figure(s.Loss), d.validation, d.rate, d.left(now))
		return
	}
	// The two calls draw one frame each, so the text comes first.
	d.bar.Describe(fmt.Sprintf("epoch %d/%d  loss %s%s  %.0f images/s  %s left", s.Epoch, d.epochs, figure(s.Loss), d.validation, d.rate, d.left(now)))
	d.bar.Set(d.done)
}

// stage shows a step of a stage of a stacked model, the first and then those that
// it is time for.
func (d *display) stage(stage, stages int, s train.Step) {
	now := time.Now()
	if s.Step > 1 && now.Sub(d.shown) < d.interval {
		return
	}
	d.began, d.shown, d.images = now, now, 0 // the stages are no part of the run's steps
	text := fmt.Sprintf("stage %d/%d  epoch %d  step %d/%d  loss %s", stage, stages, s.Epoch, s.Batch, s.Batches, figure(s.Loss))
	if d.bar == nil {
		fmt.Fprintln(d.w, text)
		return
	}
	d.bar.Describe(text)
	d.bar.Set(d.done)
}

// epoch shows the end of an epoch.
func (d *display) epoch(e train.Epoch) {
	if e.ValLoss != nil {
		d.validation = "  validation " + figure(*e.ValLoss)
	}
	if e.ValError != nil {
		d.validation += fmt.Sprintf(", error %.2f%%", 100**e.ValError)
	}
	now := time.Now()
	d.clear()
	fmt.Fprintf(d.w, "epoch %d/%d  loss %s%s  %.0f images/s  %s  %s left\n",
		e.Epoch, d.epochs, figure(e.TrainLoss), d.validation, e.ImagesPerSecond, clock(time.Duration(e.Seconds*float64(time.Second))), d.left(now))
	d.shown, d.images = now, 0 // validation and files are not training
}

// left estimates the time to the end of the run by the pace so far.
func (d *display) left(now time.Time) string {
	if d.done == d.first {
		return "?"
	}
	pace := now.Sub(d.began) / time.Duration(d.done-d.first)
	return clock(pace * time.Duration(d.total-d.done))
}

// clear takes the bar off the terminal.
func (d *display) clear() {
	if d.bar != nil {
		d.bar.Clear()
	}
}

// figure prints a loss to four digits.
func figure(v float64) string { return fmt.Sprintf("%.4g", v) }

// clock prints a time as m:ss or h:mm:ss.
func clock(d time.Duration) string {
	s := int(d.Round(time.Second) / time.Second)
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}
