package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"hourglass/bench"
	"hourglass/data/disk"
	"hourglass/kernels/cpu"
	"hourglass/kernels/cuda"
)

// serveName is the hidden command by which bench runs a workload in a process of
// its own.
const serveName = "serve-workload"

// mostWindows bounds the windows of a measurement, which are kept.
const mostWindows = 10_000

// benchFlags is one call of the bench command.
type benchFlags struct {
	bench.Options
	asJSON, quick  bool
	peers, results string
	roofline       string
}

func benchCommand() *cobra.Command {
	var f benchFlags
	var about strings.Builder
	for _, name := range bench.Names() {
		fmt.Fprintf(&about, "\n  %-11s %s", name, bench.About(name))
	}
	c := &cobra.Command{
		Use:   "bench [WORKLOAD...]",
		Short: "Measure speed, alone or beside other frameworks",
		Long: "Measure training and encoding on this processor: the best and the median time of a\n" +
			"step, GFLOP/s at the best, and its share of the multiply-add peak of as many threads,\n" +
			"measured between the windows. Each workload runs in a process of its own:\n" + about.String() + "\n\n" +
			"With --device cuda a GPU is measured, steps following each other without a wait, and\n" +
			"the peak is that of its data sheet.\n\n" +
			"With --peers, other frameworks take turns with Hourglass on the same processors, and\n" +
			"the ratios count. make bench installs them and runs the whole table.",
		Example: "  hourglass bench seed-conv dense --json",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.roofline != "" {
				return f.drawRoofline(cmd.OutOrStdout(), args)
			}
			f.Workloads = args
			if err := f.check(); err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			err := f.run(ctx, cmd.OutOrStdout(), cmd.ErrOrStderr())
			if ctx.Err() != nil {
				return errInterrupted
			}
			return err
		},
	}
	c.Flags().BoolVar(&f.asJSON, "json", false, "print an array of one JSON object for each workload")
	c.Flags().IntVar(&f.Threads, "threads", 0, threadsUsage)
	c.Flags().StringVar(&f.Device, "device", "cpu", "cpu, cuda or cuda:N")
	c.Flags().StringVar(&f.Precision, "precision", autoPrecision, "of products: f32, tf32 (of GPUs alone) or bf16; auto is f32, on a GPU tf32")
	c.Flags().IntVar(&f.Windows, "windows", 0, "windows of each side (default 10)")
	c.Flags().BoolVar(&f.quick, "quick", false, "five short windows")
	c.Flags().StringVar(&f.peers, "peers", "", "a virtual environment with other frameworks to compare with")
	c.Flags().StringVar(&f.results, "results", "", "with --peers, a folder for the report as .md, .json and .png")
	c.Flags().StringVar(&f.roofline, "roofline", "", "measure nothing, but print what a card could reach by its data sheet: "+strings.Join(bench.Cards(), ", "))
	c.AddCommand(serveCommand())
	return c
}

// serveCommand answers bench's questions about one workload.
func serveCommand() *cobra.Command {
	var s settings
	c := &cobra.Command{
		Use:    serveName + " WORKLOAD THREADS",
		Hidden: true,
		Args:   exactArgs(2, "a workload and a number of threads"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if s.Threads, err = strconv.Atoi(args[1]); err != nil {
				return usagef("%s: threads %q: want a whole number", serveName, args[1])
			}
			if err := s.checkDevice(); err != nil {
				return err
			}
			return bench.Serve(args[0], s.open, cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
	c.Flags().StringVar(&s.Device, "device", "cpu", "cpu, cuda or cuda:N")
	c.Flags().StringVar(&s.Precision, "precision", autoPrecision, "of products")
	return c
}

// drawRoofline prints the bounds of a card.
func (f *benchFlags) drawRoofline(out io.Writer, args []string) error {
	if len(args) > 0 {
		return usagef("--roofline is of all workloads: leave out %s", strings.Join(args, " "))
	}
	if err := bench.Roofline(out, f.roofline); err != nil {
		return usageError{err}
	}
	return nil
}

// check returns a usage error for the first flag that is wrong.
func (f *benchFlags) check() error {
	for _, name := range f.Workloads {
		if err := bench.Check(name); err != nil {
			return usagef("%w%s", err, didYouMean(name, bench.Names(), ""))
		}
	}
	switch {
	case f.Threads < 0 || f.Threads > mostThreads:
		return usagef("--threads is %d, want 0 (all processors) to %d", f.Threads, mostThreads)
	case f.Windows < 0 || f.Windows > mostWindows:
		return usagef("--windows is %d, want 1 to %d; leave it out for 10", f.Windows, mostWindows)
	case f.quick && f.Windows > 0:
		return usagef("--quick and --windows: want one of the two")
	case f.results != "" && f.peers == "":
		return usagef("--results wants --peers, the other frameworks to report on")
	case f.asJSON && f.peers != "":
		return usagef("--json and --peers: want one of the two; --results writes the comparison as JSON")
	}
	return f.checkDevice()
}

// checkDevice sees that the device is there, and what it is.
func (f *benchFlags) checkDevice() error {
	if f.Device == autoDevice {
		return usagef("--device auto: want cpu, cuda or cuda:N, as figures are of one or the other")
	}
	s := settings{Device: f.Device, Precision: f.Precision, Threads: f.Threads}
	if err := s.checkDevice(); err != nil {
		return err
	}
	dev, err := s.open()
	if err != nil {
		return err
	}
	defer dev.Close()
	gpu, ok := dev.(*cuda.Device)
	switch {
	case ok:
		f.GPU, err = gpu.Describe()
	case f.Precision == cuda.TF32.String():
		return usagef("--precision tf32: the CPU has none; want f32 or bf16")
	case f.Precision == cpu.BF16.String() && f.peers != "":
		return usagef("--precision bf16 and --peers: the others compute in float32; want one of the two")
	}
	if f.Precision == autoPrecision {
		f.Precision = usualPrecision(dev)
	}
	return err
}

// run measures.
func (f *benchFlags) run(ctx context.Context, out, progress io.Writer) error {
	if f.quick {
		f.Windows, f.Window = 5, 200*time.Millisecond
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("bench: finding this program to start it again: %w", err)
	}
	f.Self, f.Progress = []string{self, "bench", serveName, "--device", f.Device, "--precision", f.Precision}, progress
	if f.Precision == cpu.BF16.String() && f.Device == "cpu" {
		noteEmulated(progress, cpu.BF16)
	}
	if f.peers != "" {
		return f.compare(ctx, out)
	}
	results, err := bench.Run(ctx, f.Options)
	if err != nil {
		return err
	}
	if f.asJSON {
		return writeJSON(out, results)
	}
	return bench.WriteTable(out, results)
}

// compare measures beside other frameworks and writes the report.
func (f *benchFlags) compare(ctx context.Context, out io.Writer) error {
	report, err := bench.Compare(ctx, f.Options, bench.Peers{Environment: f.peers})
	if report == nil {
		return err
	}
	if printing := report.WriteMarkdown(out); printing != nil {
		return errors.Join(err, printing)
	}
	if f.results == "" {
		return err
	}
	return errors.Join(err, f.writeReport(report))
}

// writeReport writes the report's three forms to the folder.
func (f *benchFlags) writeReport(report *bench.Report) error {
	if err := os.MkdirAll(f.results, 0o777); err != nil {
		return err
	}
	for ending, write := range map[string]func(io.Writer) error{
		".md":   report.WriteMarkdown,
		".json": func(w io.Writer) error { return writeJSON(w, report) },
		".png":  report.WritePNG,
	} {
		path := filepath.Join(f.results, report.FileName()+ending)
		if err := disk.WriteFile(path, write); err != nil {
			return err
		}
		fmt.Fprintln(f.Progress, path)
	}
	return nil
}
