package bench

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// WriteTable prints results as a table.
func WriteTable(w io.Writer, results []Result) error {
	t := table{{"workload", "threads", "best ms", "median ms", "images/s", "GFLOP/s", "peak", "share", "memory MB"}}
	for _, r := range results {
		t = append(t, []string{r.Workload, fmt.Sprint(r.Threads), figure(r.MSBest), figure(r.MSMedian), fmt.Sprintf("%.0f", r.ImagesPerSecond),
			figure(r.GFLOPS), figure(r.PeakGFLOPS), percent(r.PeakShare), fmt.Sprintf("%.0f", r.PeakMemoryMB)})
	}
	return t.write(w)
}

// WriteMarkdown prints the whole report, readable on a terminal too.
func (r *Report) WriteMarkdown(w io.Writer) error {
	m := r.Machine
	fmt.Fprintf(w, "# Hourglass beside other frameworks, %s\n\n", r.Date)
	on := fmt.Sprintf("%d threads", r.Threads)
	if m.GPU != "" {
		on = fmt.Sprintf("%s (%s)", r.Device, m.GPU)
	}
	fmt.Fprintf(w, "%s, %d cores, %s, %.0f GiB; kernels %s; %s, %s; %s, %s, %d windows of each side in turn\n\n",
		m.CPU, m.Cores, m.Caches, m.MemoryGiB, m.Kernels, m.OS, m.Go, on, r.Precision, r.Windows)
	fmt.Fprintf(w, "%s\n\n", r.versions())
	fmt.Fprintf(w, "## Hourglass\n\n"+
		"Share is the part of the processor's multiply-add peak, measured between the windows, or of a GPU's by its data sheet, that the whole step reaches at its best.\n\n")
	if err := WriteTable(w, r.Results); err != nil {
		return err
	}
	fmt.Fprintf(w, "\n## Times faster than each framework's best mode\n\n"+
		"The lowest of all modes: of the median ratio of neighbouring windows, and of the ratio of the best times.\n\n")
	if err := r.summary().write(w); err != nil {
		return err
	}
	fmt.Fprintf(w, "\n## All modes\n\n"+
		"Times in ms, best and median; ours are those of the windows between the peer's. Ratios above 1: Hourglass is faster.\n\n")
	if err := r.details().write(w); err != nil {
		return err
	}
	return nil
}

// versions lists those of the peers.
func (r *Report) versions() string {
	var list []string
	for _, name := range []string{"torch", "onnxruntime", "gorgonia.org/gorgonia", "github.com/gomlx/gomlx", "Python"} {
		if v := r.Versions[name]; v != "" {
			list = append(list, name+" "+v)
		}
	}
	return strings.Join(list, ", ")
}

// pairs calls f for every workload and peer that meet, in order.
func (r *Report) pairs(f func(workload, peer string)) {
	seen := map[[2]string]bool{}
	for _, c := range r.Comparisons {
		if key := [2]string{c.Workload, c.Peer}; !seen[key] {
			seen[key] = true
			f(c.Workload, c.Peer)
		}
	}
}

// summary has a row for each workload and peer.
func (r *Report) summary() table {
	t := table{{"workload", "peer", "median ratio", "in mode", "ratio of bests", "in mode"}}
	r.pairs(func(workload, peer string) {
		middle, modeOfMiddle, ok := r.Hardest(workload, peer, OfMedians)
		if !ok {
			t = append(t, []string{workload, peer, "no figures", "", "", ""})
			return
		}
		best, modeOfBest, _ := r.Hardest(workload, peer, OfBests)
		t = append(t, []string{workload, peer, figure(middle) + "×", modeOfMiddle, figure(best) + "×", modeOfBest})
	})
	return t
}

// details has a row for each comparison.
func (r *Report) details() table {
	t := table{{"workload", "peer", "mode", "best", "median", "our best", "our median", "ratio of bests", "median ratio", "memory MB", "its loss, ours"}}
	for _, c := range r.Comparisons {
		if c.Skipped != "" {
			t = append(t, []string{c.Workload, c.Peer, c.Mode, "", "", "", "", "", "", "", "skipped: " + strings.ReplaceAll(c.Skipped, "|", "/")})
			continue
		}
		loss := ""
		if c.Loss != 0 {
			loss = fmt.Sprintf("%.6g, %.6g", c.Loss, c.OursLoss)
		}
		t = append(t, []string{c.Workload, c.Peer, c.Mode, figure(c.MSBest), figure(c.MSMedian), figure(c.OursMSBest), figure(c.OursMSMedian),
			figure(c.RatioBest) + "×", figure(c.RatioMedian) + "×", fmt.Sprintf("%.0f", c.PeakMemoryMB), loss})
	}
	return t
}

// table is rows of cells, the first the headings.
type table [][]string

// widest bounds the columns that longer cells do not widen.
const widest = 30

// write prints the table as Markdown with columns of one width.
func (t table) write(w io.Writer) error {
	widths := make([]int, len(t[0]))
	for _, row := range t {
		for i, cell := range row {
			if n := utf8.RuneCountInString(cell); n <= widest {
				widths[i] = max(widths[i], n)
			}
		}
	}
	var b strings.Builder
	line := func(row []string) {
		for i, cell := range row {
			fmt.Fprintf(&b, "| %s%s ", cell, strings.Repeat(" ", max(0, widths[i]-utf8.RuneCountInString(cell))))
		}
		b.WriteString("|\n")
	}
	line(t[0])
	rule := make([]string, len(widths))
	for i, n := range widths {
		rule[i] = strings.Repeat("-", n)
	}
	line(rule)
	for _, row := range t[1:] {
		line(row)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// figure prints three digits.
func figure(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 1:
		return fmt.Sprintf("%.2f", v)
	case v >= 0.1:
		return fmt.Sprintf("%.3f", v)
	}
	return fmt.Sprintf("%.2g", v)
}

func percent(v float64) string { return fmt.Sprintf("%.1f%%", 100*v) }
