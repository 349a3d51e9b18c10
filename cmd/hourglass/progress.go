package main

import (
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// patience is how long a command is silent before a bar tells how far it is.
const patience = time.Second

// progress is a bar of a command that takes longer than a second.
type progress struct {
	w     io.Writer // nil for none
	what  string
	total int
	begun time.Time
	shown time.Time
	bar   *progressbar.ProgressBar
}

// progress begins to count up to total; what says of what, as "images". There is
// no bar where standard error is not a terminal, or with --quiet.
func (a *applied) progress(total int, what string) *progress {
	p := &progress{what: what, total: total, begun: time.Now()}
	if !a.Quiet && isTerminal(a.err) {
		p.w = a.err
	}
	return p
}

// at shows that so many are done.
func (p *progress) at(done int) {
	now := time.Now()
	if p.w == nil || now.Sub(p.begun) < patience || now.Sub(p.shown) < barInterval {
		return
	}
	p.shown = now
	if p.bar == nil {
		p.bar = progressbar.NewOptions(p.total,
			progressbar.OptionSetWriter(p.w),
			progressbar.OptionSetWidth(30),
			progressbar.OptionSetDescription(p.what),
			progressbar.OptionShowCount(),
			progressbar.OptionSetPredictTime(true),
			progressbar.OptionClearOnFinish(),
			progressbar.OptionSetTheme(progressbar.Theme{BarStart: "▕", Saucer: "█", SaucerHead: "▌", SaucerPadding: "░", BarEnd: "▏"}),
		)
	}
	p.bar.Set(done)
}

// end takes the bar away.
func (p *progress) end() {
	if p.bar != nil {
		p.bar.Clear()
	}
}
