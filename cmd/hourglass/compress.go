package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"hourglass/data"
	"hourglass/data/disk"
	"hourglass/models/plots"
	"hourglass/models/tasks"
)

// compressing is compress at work.
type compressing struct {
	applied
	run, path, plot, table string
	o                      tasks.CompressOptions
}

// sheetImages is how many images share a JPEG's tables.
const sheetImages = 256

// The rates that a plot compares: of units, and of JPEG.
var (
	plotBits      = []int{1, 2, 3, 4, 5, 6, 7, 8}
	plotQualities = []int{1, 2, 5, 10, 15, 20, 30, 40, 50, 60, 70, 80, 90, 95}
)

// jpegWays is how JPEG is tried.
var jpegWays = []struct {
	name          string
	sheet, shrink int
}{
	{"JPEG", sheetImages, 1},
	{"JPEG of half the size", sheetImages, 2},
	{"JPEG of a quarter", sheetImages, 4},
	{"JPEG, a file for each", 1, 1},
}

func compressCommand() *cobra.Command {
	var s compressing
	c := &cobra.Command{
		Use:   "compress RUN",
		Short: "Compress images to the codes of a model",
		Long: "Compress images: their codes are rounded, each unit to --bits over its range or to\n" +
			"multiples of --step, and entropy-coded by an adaptive range coder. Codes of a vqvae\n" +
			"are entries of its codebook and need no rounding. decompress makes images of the\n" +
			"file again, with the weights of the same run.\n\n" +
			"--plot draws the rate in bits per pixel against PSNR at 1 to 8 bits a unit, beside\n" +
			"JPEG: in sheets of 256 images that share a file's tables, of the whole size, of half\n" +
			"and of a quarter of it, enlarged again; and with a file for each image. It tells the\n" +
			"best PSNR of JPEG in sheets at the same number of bytes. PSNR is that of the squared\n" +
			"error's mean over all images, so that an exact one does not outweigh the others; eval\n" +
			"tells the mean of each image's.",
		Example: "  hourglass compress runs/mnist --bits 4 --out digits.hgz\n" +
			"  hourglass decompress runs/mnist digits.hgz --out digits.png\n" +
			"  hourglass compress runs/mnist --limit 1000 --plot rates.png",
		Args: exactArgs(1, "the folder of a run"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s.run = args[0]
			if err := s.check(cmd); err != nil {
				return err
			}
			ctx, end, err := s.begin(cmd, s.run)
			if err != nil {
				return err
			}
			defer end()
			if m := s.settings.Model; m.Codebook > 0 && s.o != (tasks.CompressOptions{}) {
				return usagef("--bits and --step round codes, and those of a %s are entries of its codebook already; leave them out", m.Name)
			}
			src, err := s.source()
			if err != nil {
				return err
			}
			if s.path != "" {
				if err := s.compress(ctx, src); err != nil {
					return err
				}
			}
			if s.plot == "" && s.table == "" {
				return nil
			}
			return s.compare(ctx, src)
		},
	}
	f := c.Flags()
	f.StringVar(&s.path, "out", "", "where to: a file such as x.hgz, or - for standard output")
	f.IntVar(&s.o.Bits, "bits", 0, "levels of each unit, 2 to the power of this, 1 to 8 (default 6)")
	f.Float64Var(&s.o.Step, "step", 0, "round units to multiples of this instead")
	f.StringVar(&s.plot, "plot", "", "draw rate against distortion beside JPEG"+figureUsage)
	f.StringVar(&s.table, "table", "", "write the points of that to a file: x.csv")
	s.addDataFlags(f, "the first N images alone")
	s.addJSONFlag(f)
	s.addDeviceFlags(f)
	return c
}

func (s *compressing) check(cmd *cobra.Command) error {
	f := cmd.Flags()
	switch {
	case s.path == "" && s.plot == "" && s.table == "":
		return usagef("--out is missing: want a file such as x.hgz, - for standard output, or --plot x.png")
	case f.Changed("bits") && f.Changed("step"):
		return usagef("--bits and --step: want one of the two")
	case f.Changed("bits") && (s.o.Bits < 1 || s.o.Bits > 8):
		return usagef("--bits is %d, want 1 to 8", s.o.Bits)
	case f.Changed("step") && !(s.o.Step >= 1e-6 && s.o.Step <= 1e6):
		return usagef("--step is %v, want 1e-6 to 1e6", s.o.Step)
	case s.path == "-" && (s.JSON || s.plot != "" || s.table != ""):
		return usagef("--out - with --json, --plot or --table: standard output holds the file alone; leave the others out")
	case s.path == "-" && isTerminal(cmd.OutOrStdout()):
		return usagef("--out -: standard output is a terminal: pipe it on, or give --out x.hgz")
	}
	if s.path != "" && s.path != "-" {
		if err := checkFile("out", s.path, filepath.Ext(s.path)); err != nil {
			return err
		}
	}
	if err := checkFile("table", s.table, ".csv"); err != nil {
		return err
	}
	return checkFigures("plot", s.plot)
}

// compressed is what compress tells.
type compressed struct {
	Run          string  `json:"run"`
	Data         string  `json:"data"`
	Count        int     `json:"count"`
	Bytes        int64   `json:"bytes"`
	Values       int64   `json:"values"` // that are compressed
	BitsPerPixel float64 `json:"bits_per_pixel"`
	Out          string  `json:"out"`
}

// compress writes the file.
func (s *compressing) compress(ctx context.Context, src data.Source) error {
	info := src.Info()
	var c tasks.Compressed
	err := s.writeText(s.path, func(w io.Writer) error {
		b := bufio.NewWriterSize(w, 1<<16)
		var err error
		if c, err = tasks.Compress(ctx, s.runner, src, s.o, b); err != nil {
			return err
		}
		return b.Flush()
	})
	if err != nil || s.path == "-" {
		return err
	}
	told := compressed{s.run, info.Name, c.Samples, c.Bytes, int64(info.N) * int64(info.SampleSize()), c.BitsPerPixel, s.path}
	if s.JSON && s.plot == "" && s.table == "" {
		return writeJSON(s.out, told)
	}
	if s.JSON {
		return nil // compare tells all in one object
	}
	_, err = fmt.Fprintf(s.out, "%d samples of %s in %s: %d bytes, %.4g bits per pixel, %.4g per value\n",
		told.Count, told.Data, told.Out, told.Bytes, told.BitsPerPixel, 8*float64(told.Bytes)/float64(told.Values))
	return err
}

// compare measures rates and distortions, and draws them.
func (s *compressing) compare(ctx context.Context, src data.Source) error {
	options := []tasks.CompressOptions{{}}
	if s.settings.Model.Codebook == 0 {
		options = nil
		for _, b := range plotBits {
			options = append(options, tasks.CompressOptions{Bits: b})
		}
	}
	ours, err := tasks.Rates(ctx, s.runner, src, options)
	if err != nil {
		return err
	}
	curves := []rateCurve{{s.settings.Model.Name, ours}}
	info := src.Info()
	// JPEG knows pictures of one or three channels, in blocks of 8×8.
	if (info.C == 1 || info.C == 3) && info.H >= 8 && info.W >= 8 {
		for _, way := range jpegWays {
			o := tasks.JPEGOptions{Qualities: plotQualities, Sheet: way.sheet, Shrink: way.shrink}
			if info.H%way.shrink != 0 || info.W%way.shrink != 0 {
				continue
			}
			rates, err := tasks.JPEGRates(ctx, src, o)
			if err != nil {
				return err
			}
			curves = append(curves, rateCurve{way.name, rates})
		}
	}
	if s.plot != "" {
		if err := plots.WriteFile(s.plot, s.figure(info, curves)); err != nil {
			return err
		}
	}
	if s.table != "" {
		if err := disk.WriteFile(s.table, func(w io.Writer) error { return writeRates(w, curves) }); err != nil {
			return err
		}
	}
	return s.tellRates(info, curves)
}

// rateCurve is the rates of one way to compress.
type rateCurve struct {
	name  string
	rates []tasks.Rate
}

func (s *compressing) figure(info data.Info, curves []rateCurve) plots.Lines {
	l := plots.Lines{Title: "Rate and distortion of " + info.Name, X: "rate (bits per pixel)", Y: "PSNR (dB)", LogX: true}
	for _, c := range curves {
		line := plots.Series{Name: c.name}
		for _, r := range c.rates {
			line.Points = append(line.Points, plots.Point{X: r.BitsPerPixel, Y: r.PSNR})
		}
		l.Series = append(l.Series, line)
	}
	return l
}

func writeRates(w io.Writer, curves []rateCurve) error {
	c := csv.NewWriter(w)
	c.Write([]string{"codec", "setting", "bytes", "bits_per_pixel", "psnr"}) // an error stays until Error
	for _, curve := range curves {
		for _, r := range curve.rates {
			c.Write([]string{curve.name, r.Name, strconv.FormatInt(r.Bytes, 10), strconv.FormatFloat(r.BitsPerPixel, 'f', 6, 64), strconv.FormatFloat(r.PSNR, 'f', 4, 64)})
		}
	}
	c.Flush()
	return c.Error()
}

// compared is one of our rates beside JPEG at the same number of bytes.
type compared struct {
	Setting      string   `json:"setting"`
	Bytes        int64    `json:"bytes"`
	BitsPerPixel float64  `json:"bits_per_pixel"`
	PSNR         float64  `json:"psnr"`
	JPEG         *float64 `json:"jpeg_psnr"` // the best of sheets, null where none has that rate
	Way          string   `json:"jpeg,omitempty"`
}

// besideJPEG finds the best PSNR of sheets at each of our rates.
func besideJPEG(curves []rateCurve) []compared {
	var lines []compared
	for _, r := range curves[0].rates {
		l := compared{Setting: r.Name, Bytes: r.Bytes, BitsPerPixel: r.BitsPerPixel, PSNR: r.PSNR}
		for _, c := range curves[1:] {
			if psnr, ok := tasks.AtRate(c.rates, r.BitsPerPixel); ok && (l.JPEG == nil || psnr > *l.JPEG) {
				l.JPEG, l.Way = &psnr, c.name
			}
		}
		lines = append(lines, l)
	}
	return lines
}

// tellRates writes our rates beside JPEG's.
func (s *compressing) tellRates(info data.Info, curves []rateCurve) error {
	lines := besideJPEG(curves)
	if s.JSON {
		return writeJSON(s.out, struct {
			Run   string     `json:"run"`
			Data  string     `json:"data"`
			Count int        `json:"count"`
			Out   string     `json:"out,omitempty"`
			Plot  string     `json:"plot,omitempty"`
			Rates []compared `json:"rates"`
		}{s.run, info.Name, info.N, s.path, s.plot, lines})
	}
	t := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "rounding\tbytes\tbits/pixel\tPSNR dB\tJPEG's at equal bytes")
	for _, l := range lines {
		fmt.Fprintf(t, "%s\t%d\t%.4f\t%.2f\t", l.Setting, l.Bytes, l.BitsPerPixel, l.PSNR)
		if l.JPEG != nil {
			fmt.Fprintf(t, "%.2f (%s)\n", *l.JPEG, l.Way)
			continue
		}
		fmt.Fprintln(t, "none")
	}
	if err := t.Flush(); err != nil || len(curves) == 1 {
		return err
	}
	var smallest []string
	for _, c := range curves[1:] {
		smallest = append(smallest, fmt.Sprintf("%s %.3f bits/pixel, %.2f dB", c.name, c.rates[0].BitsPerPixel, c.rates[0].PSNR))
	}
	_, err := fmt.Fprintf(s.out, "at the lowest quality: %s\n", strings.Join(smallest, "; "))
	return err
}

func decompressCommand() *cobra.Command {
	var a applied
	var out string
	takes := []form{asArray, asTable, asPNG, asFolder, asStream}
	c := &cobra.Command{
		Use:   "decompress RUN FILE",
		Short: "Make images of a compressed file again",
		Long: "Make images of a file of compress again, or of standard input for -, with the weights\n" +
			"of the same run. --out decides the form: x.npy for an array float32 [N H W C], - for\n" +
			"the same on standard output, x.csv for a line of numbers each, x.png for one picture\n" +
			"of the first, a name without an ending for a folder of one PNG each.",
		Example: "  hourglass decompress runs/mnist digits.hgz --out digits.npy\n" +
			"  hourglass compress runs/mnist --out - | hourglass decompress runs/mnist - --out digits.png",
		Args: exactArgs(2, "the folder of a run and a compressed file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := a.output(cmd.OutOrStdout(), out, takes...)
			if err != nil {
				return err
			}
			ctx, end, err := a.begin(cmd, args[0])
			if err != nil {
				return err
			}
			defer end()
			return a.decompress(ctx, o, args[0], args[1])
		},
	}
	c.Flags().StringVar(&out, "out", "", outUsage(takes...))
	c.Flags().IntVar(&a.Limit, "limit", 0, "the first N images alone (default all, of a picture 64)")
	a.addRawFlag(c.Flags())
	a.addJSONFlag(c.Flags())
	a.addDeviceFlags(c.Flags())
	return c
}

// errEnough ends the reading of a file of which the beginning is wanted.
var errEnough = errors.New("enough")

func (a *applied) decompress(ctx context.Context, o output, run, path string) error {
	var in io.Reader = a.in
	name := "standard input"
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		in, name = f, path
	} else if isTerminal(a.in) {
		return usagef("- stands for standard input, which is a terminal: pipe a file of hourglass compress into it")
	}
	d, err := tasks.NewDecompressor(a.runner, bufio.NewReaderSize(in, 1<<16))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	n := d.N
	if o.form == asPNG && a.Limit == 0 {
		a.Limit = gridImages
	}
	if a.Limit > 0 {
		n = min(n, a.Limit)
	}
	images, err := a.samples(o, n)
	if err != nil {
		return err
	}
	err = a.writeSamples(o, images, "images", func(add func([]float32) error) error {
		var failed error // writing
		err := d.Each(ctx, func(from int, x []float32) error {
			left := (n - from) * images.shape.Size()
			if failed = add(x[:min(left, len(x))]); failed != nil || left <= len(x) && n < d.N {
				return cmp.Or(failed, errEnough)
			}
			return nil
		})
		switch {
		case err == nil || err == errEnough:
			return nil
		case failed != nil:
			return failed
		}
		return fmt.Errorf("%s: %w", name, err)
	})
	if err != nil {
		return err
	}
	return a.tell(o, summary{Run: run, Data: name, Count: n, Shape: images.shape, Out: o.path}, "%d images of %s in %s", n, name, o.path)
}
