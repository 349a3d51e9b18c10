package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/pflag"

	"hourglass/data"
)

// reading says how a command reads data sets.
type reading struct {
	// Memory is the size up to which a set is held in memory, as "500MB"; "" is
	// a quarter of the machine's.
	Memory string
	// Strict makes a broken sample an error.
	Strict bool
}

// addFlags declares the flags of all commands that read data.
func (r *reading) addFlags(f *pflag.FlagSet) {
	f.StringVar(&r.Memory, "memory", "", memoryUsage)
	f.BoolVar(&r.Strict, "strict", false, strictUsage)
}

// What the flags mean.
const (
	memoryUsage = "hold sets of up to this size in memory, as 500MB or 2GiB, and stream larger ones (default a quarter of the machine's)"
	strictUsage = "a broken sample is an error; else it is left out, with a warning"
)

// The units of sizes, in any case: those that others end in come last.
var units = []struct {
	name  string
	bytes float64
}{
	{"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}, {"tib", 1 << 40},
	{"kb", 1e3}, {"mb", 1e6}, {"gb", 1e9}, {"tb", 1e12},
	{"k", 1e3}, {"m", 1e6}, {"g", 1e9}, {"t", 1e12}, {"bytes", 1}, {"b", 1}, {"", 1},
}

// parseSize reads a size such as 500MB or the 479.1 kB of data info; "" is 0.
func parseSize(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	for _, u := range units {
		number, ok := strings.CutSuffix(strings.ToLower(text), u.name)
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || !(v*u.bytes >= 1 && v*u.bytes < math.MaxInt64) {
			break
		}
		return int64(v * u.bytes), nil
	}
	return 0, usagef("memory is %q, want a size of at least a byte, as 500MB or 2GiB", text)
}

// open opens a part of a data set; warnings go to tell. A specification that
// names none is the user's fault, a file that cannot be read is not.
func (r reading) open(spec string, part data.Split, tell *warner) (data.Source, error) {
	limit, err := parseSize(r.Memory)
	if err != nil {
		return nil, err
	}
	s, err := data.OpenSource(spec, part, data.Options{MemoryLimit: limit, Lazy: true, Strict: r.Strict, Warn: tell.warn})
	tell.sum()
	return s, wrongSpec(err)
}

// holds returns an error if the samples of sources, as numbers, are more than a
// set in memory may be. A command that needs them all at once would else end
// where memory does, without a word. What says who needs them, and fewer how to
// take fewer.
func (r reading) holds(what, fewer string, sources ...data.Source) error {
	limit, err := parseSize(r.Memory)
	if err != nil {
		return err
	}
	n, bytes := 0, 0.0
	for _, s := range sources {
		n += s.Info().N
		bytes += 4 * float64(s.Info().N) * float64(s.Info().SampleSize())
	}
	if most := (data.Options{MemoryLimit: limit}).Memory(); bytes > float64(most) {
		megabytes := func(v float64) float64 { return math.Round(v/1e4) / 100 }
		return fmt.Errorf("%s needs all of its %d samples in memory at once, %v MB, more than the limit of %v MB; take fewer with %s, or raise it with --memory",
			what, n, megabytes(bytes), megabytes(float64(most)), fewer)
	}
	return nil
}

// warner tells of samples that cannot be read: of the first ones each, of all
// their number.
type warner struct {
	to io.Writer

	mu         sync.Mutex
	told, seen int
	waits      bool     // for sum to tell: something else is on the last line
	lines      []string // that wait
}

// warnings is how many samples a warner tells of singly.
const warnings = 10

func (w *warner) warn(line string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch w.seen++; {
	case w.seen > warnings:
	case w.waits:
		w.lines = append(w.lines, line)
	default:
		fmt.Fprintln(w.to, line)
	}
}

// wait keeps warnings back until sum, while a progress bar is shown.
func (w *warner) wait(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waits = on
}

// sum tells what was kept back, and how many samples there were since the last
// time.
func (w *warner) sum() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, line := range w.lines {
		fmt.Fprintln(w.to, line)
	}
	w.lines = nil
	if n := w.seen - w.told; n > 0 {
		fmt.Fprintf(w.to, "broken samples: %d; --strict makes them an error\n", n)
	}
	w.told = w.seen
}
