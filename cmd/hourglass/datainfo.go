package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"hourglass/data"
	"hourglass/kernels"
	"hourglass/models/export"
)

// dataInfo describes a data set.
type dataInfo struct {
	Spec  string     `json:"data"`
	Parts []partInfo `json:"parts"`
}

// partInfo describes one part.
type partInfo struct {
	Split    string      `json:"split"`
	Samples  int         `json:"samples"`
	Shape    [3]int      `json:"shape"`    // height, width, channels
	Elements string      `json:"elements"` // uint8 or float32
	Bytes    int64       `json:"bytes"`    // of all samples
	Streamed bool        `json:"streamed"` // read as it is needed, not held in memory
	Min      float64     `json:"min"`
	Mean     float64     `json:"mean"`
	Max      float64     `json:"max"`
	Low      []float32   `json:"low,omitempty"`  // what 0 stands for, by channel
	High     []float32   `json:"high,omitempty"` // what 1 stands for
	Rate     int         `json:"rate,omitempty"` // of sound, frames a second
	Classes  []classInfo `json:"classes,omitempty"`
}

// classInfo is a class and how many samples it has.
type classInfo struct {
	Label   int    `json:"label"`
	Name    string `json:"name,omitempty"`
	Samples int    `json:"samples"`
}

// dataInfoFlags are those of the command.
type dataInfoFlags struct {
	a          applied
	split, out string
}

func dataInfoCommand() *cobra.Command {
	var f dataInfoFlags
	c := &cobra.Command{
		Use:   "info SPEC",
		Short: "Describe a data set",
		Long: "Describe a data set: how many samples of which shape, what its values are, its\n" +
			"classes, and whether it is held in memory or streamed. --out draws samples,\n" +
			"series and rows of tables as curves. hourglass help data lists what SPEC may be.",
		Example: "  hourglass data info mnist:DIR --out mnist.png\n  hourglass data info csv:sensors.csv,window=128 --json",
		Args:    exactArgs(1, "a data set"),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.a.in, f.a.out, f.a.err = cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()
			ctx, stop := untilSignal(cmd.Context(), f.a.err)
			defer stop()
			defer f.a.removeTemporary()
			return f.run(ctx, args[0])
		},
		DisableFlagsInUseLine: true,
	}
	c.Flags().StringVar(&f.split, "split", "", "train or test (default both)")
	c.Flags().StringVar(&f.out, "out", "", "draw samples to x.png")
	c.Flags().IntVar(&f.a.Limit, "limit", 0, "look at the values of the first N samples alone")
	f.a.reading.addFlags(c.Flags())
	f.a.addJSONFlag(c.Flags())
	c.Flags().BoolVar(&f.a.Quiet, "quiet", false, "show no progress")
	return c
}

func (f *dataInfoFlags) run(ctx context.Context, text string) error {
	parts := []data.Split{data.Train, data.Test}
	switch f.split {
	case "":
	case "train":
		parts = parts[:1]
	case "test":
		parts = parts[1:]
	default:
		return usagef("--split %q: want train or test", f.split)
	}
	if f.a.Limit < 0 {
		return wrongLimit(f.a.Limit)
	}
	if f.out != "" && filepath.Ext(f.out) != ".png" {
		return usagef("--out %s: want a name that ends in .png", f.out)
	}
	spec, err := f.a.specOf(text)
	if err != nil {
		return err
	}
	about := dataInfo{Spec: spec}
	if text == "-" {
		about.Spec = standardInput
	}
	for _, part := range parts {
		src, err := f.a.reading.open(spec, part, &warner{to: f.a.err})
		if src, err = f.a.ofInput(src, err); err != nil {
			return err
		}
		p, err := f.describe(ctx, src, part)
		if errors.Is(err, context.Canceled) {
			return errInterrupted
		}
		if err != nil {
			return err
		}
		about.Parts = append(about.Parts, p)
		if f.out != "" && len(about.Parts) == 1 {
			if err := drawSamples(f.out, src); err != nil {
				return err
			}
		}
	}
	if f.a.JSON {
		return writeJSON(f.a.out, about)
	}
	return about.write(f.a.out)
}

// describe reads a part.
func (f *dataInfoFlags) describe(ctx context.Context, src data.Source, part data.Split) (partInfo, error) {
	info := src.Info()
	p := partInfo{Split: part.String(), Samples: info.N, Shape: [3]int{info.H, info.W, info.C}, Elements: "float32",
		Bytes: 4 * int64(info.N) * int64(info.SampleSize()), Low: info.Low, High: info.High, Rate: info.Sound.Rate}
	if _, ok := data.Bytes(src); ok {
		p.Elements, p.Bytes = "uint8", p.Bytes/4
	}
	if _, ok := src.(*data.Dataset); !ok {
		p.Streamed = true
	}
	p.Classes = classesOf(info)
	n := info.N
	if f.a.Limit > 0 {
		n = min(n, f.a.Limit)
	}
	bar := f.a.progress(n, part.String())
	defer bar.end()
	return p, p.measure(ctx, src, n, bar)
}

// classesOf counts the samples of each class.
func classesOf(info data.Info) []classInfo {
	var count [256]int
	for _, l := range info.Labels {
		count[l]++
	}
	var all []classInfo
	for label, n := range count {
		name := ""
		if label < len(info.Classes) {
			name = info.Classes[label]
		}
		if n > 0 || name != "" && info.Labels != nil {
			all = append(all, classInfo{label, name, n})
		}
	}
	return all
}

// measure reads the first n samples for the range and the mean of their values.
func (p *partInfo) measure(ctx context.Context, src data.Source, n int, bar *progress) error {
	s := data.NewStream(ctx, src, data.InOrder(n, 256), data.StreamOptions{})
	defer s.Close()
	low, high, sum, count, done := math.Inf(1), math.Inf(-1), 0.0, 0, 0
	for {
		batch, err := s.Next()
		if err != nil {
			return err
		}
		if batch == nil {
			break
		}
		for _, v := range batch.Bytes {
			x := float64(v) / 255
			low, high, sum = min(low, x), max(high, x), sum+x
		}
		for _, v := range batch.Values {
			x := float64(v)
			low, high, sum = min(low, x), max(high, x), sum+x
		}
		count += len(batch.Bytes) + len(batch.Values)
		done += len(batch.Index)
		bar.at(done)
	}
	if count > 0 {
		p.Min, p.Mean, p.Max = low, sum/float64(count), high
	}
	return nil
}

// write prints a description.
func (d dataInfo) write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintln(&b, d.Spec)
	for _, p := range d.Parts {
		held := "in memory"
		if p.Streamed {
			held = "streamed"
		}
		fmt.Fprintf(&b, "%-5s  %d samples [%d %d %d] of %s, %s %s\n", p.Split, p.Samples, p.Shape[0], p.Shape[1], p.Shape[2], p.Elements, byteSize(p.Bytes), held)
		fmt.Fprintf(&b, "       values from %.4g to %.4g, mean %.4g\n", p.Min, p.Max, p.Mean)
		if len(p.Low) > 0 {
			fmt.Fprintf(&b, "       0 and 1 stand for %s\n", bounds(p.Low, p.High))
		}
		if p.Rate > 0 {
			fmt.Fprintf(&b, "       %d frames a second\n", p.Rate)
		}
		if len(p.Classes) > 0 {
			fmt.Fprintf(&b, "       %d classes: %s\n", len(p.Classes), strings.ReplaceAll(folded(classList(p.Classes), 7), noBreak, " "))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// bounds lists the ranges of the first channels.
func bounds(low, high []float32) string {
	const shown = 6
	var list []string
	for c := range min(len(low), shown) {
		list = append(list, fmt.Sprintf("%.4g and %.4g", low[c], high[c]))
	}
	if len(low) > shown {
		list = append(list, "…")
	}
	return strings.Join(list, ", ")
}

// noBreak is a space that does not end a line.
const noBreak = "\u00a0"

// classList lists classes with their numbers of samples.
func classList(classes []classInfo) string {
	var list []string
	for _, c := range classes {
		name := c.Name
		if name == "" {
			name = fmt.Sprint(c.Label)
		}
		list = append(list, strings.ReplaceAll(fmt.Sprintf("%s %d", name, c.Samples), " ", noBreak))
	}
	return strings.Join(list, ", ")
}

// How much a picture of a data set shows.
const (
	drawnClasses = 16
	drawnColumns = 10
)

// drawSamples draws some samples of each of the first classes, a row a class, or
// of all where there are no labels; neighbours of a series are much alike, so
// they are taken from all over the set.
func drawSamples(path string, src data.Source) error {
	info := src.Info()
	if info.H > 1 && info.C != 1 && info.C != 3 {
		return fmt.Errorf("--out %s: samples of %d channels are no pictures, want 1 or 3", path, info.C)
	}
	var grid []export.Row
	for _, row := range drawnRows(info) {
		values := make([]float32, len(row.index)*info.SampleSize())
		if err := src.Read(values, row.index); err != nil {
			return err
		}
		grid = append(grid, export.Row{Label: row.label, Images: picturesOf(values, kernels.Shape{info.H, info.W, info.C})})
	}
	return writeGrid(path, grid)
}

// drawnRow is what a row of a picture shows.
type drawnRow struct {
	label string
	index []int32
}

func drawnRows(info data.Info) []drawnRow {
	var rows []drawnRow
	if info.Labels == nil {
		picked := spread(info.N, drawnColumns*drawnColumns)
		for from := 0; from < len(picked); from += drawnColumns {
			rows = append(rows, drawnRow{index: picked[from:min(from+drawnColumns, len(picked))]})
		}
		return rows
	}
	for _, c := range classesOf(info) {
		if c.Samples == 0 || len(rows) == drawnClasses {
			continue
		}
		row := drawnRow{label: c.Name}
		if row.label == "" {
			row.label = fmt.Sprint(c.Label)
		}
		wanted, seen := spread(c.Samples, drawnColumns), int32(0)
		for i := 0; i < info.N && len(wanted) > 0; i++ {
			if int(info.Labels[i]) != c.Label {
				continue
			}
			if seen == wanted[0] {
				row.index, wanted = append(row.index, int32(i)), wanted[1:]
			}
			seen++
		}
		rows = append(rows, row)
	}
	return rows
}

// spread returns up to k of the numbers 0 … n-1, evenly spread.
func spread(n, k int) []int32 {
	k = min(n, k)
	picked := make([]int32, k)
	for i := range picked {
		picked[i] = int32(i * n / k)
	}
	return picked
}
