// Command quality trains the models of models/configs and measures what they
// reach beside the literature, PyTorch and PCA: the table bench/quality.md.
//
//	go run ./bench/quality --mnist DIR            every row that is not measured yet
//	go run ./bench/quality --mnist DIR --row vae  one row, again
//	go run ./bench/quality --quick                all in a minute on small data, within bounds
//
// A row is kept in bench/quality.json as soon as it is measured. Its run lies in
// RUNS/ROW, where a run that was stopped goes on; what hourglass train made with
// the row's config is taken as it is.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"

	"hourglass/data/disk"
	"hourglass/kernels/cpu"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "quality:", err)
		os.Exit(1)
	}
}

// options is the command line.
type options struct {
	mnist, runs, configs, out string
	rows                      []string
	quick, partial, measured  bool
	threads                   int
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("quality", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.mnist, "mnist", "data/mnist", "`folder` of MNIST's IDX files")
	f.StringVar(&o.runs, "runs", "runs/quality", "`folder` of the runs, each in a folder of its row's name")
	f.StringVar(&o.configs, "configs", "models/configs", "`folder` of the configurations")
	f.StringVar(&o.out, "out", "bench/quality", "where the table goes: `PATH`.md and PATH.json")
	f.Func("row", "measure the row of this `name`, even if that was done; again for more", func(name string) error {
		o.rows = append(o.rows, name)
		return nil
	})
	f.BoolVar(&o.quick, "quick", false, "a minute on small data: check bounds, and write nothing")
	f.BoolVar(&o.partial, "partial", false, "measure runs that were stopped as they stand")
	f.BoolVar(&o.measured, "table", false, "write the table of the rows that are measured already, and measure no others")
	f.IntVar(&o.threads, "threads", 0, "processors to use, 0 for all")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("want flags alone, got %q", f.Arg(0))
	}
	for _, name := range o.rows {
		if !slices.ContainsFunc(table, func(r row) bool { return r.name == name }) {
			return o, fmt.Errorf("there is no row %q", name)
		}
	}
	return o, nil
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	l := &laboratory{options: o, devices: map[string]*cpu.Device{}, log: stderr, pcas: map[string]*principal{}}
	defer l.close()
	if o.quick {
		return l.quickly(ctx, stdout)
	}
	kept, err := openStore(o.out + ".json")
	if err != nil {
		return err
	}
	for _, r := range table {
		_, done := kept.rows[r.name]
		if asked := slices.Contains(o.rows, r.name); !asked && (done || o.measured || len(o.rows) > 0) {
			continue
		}
		result, err := l.measure(ctx, r)
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		kept.rows[r.name] = result
		if err := kept.save(table); err != nil {
			return err
		}
	}
	if err := disk.WriteFile(o.out+".md", func(w io.Writer) error { return kept.write(w, table) }); err != nil {
		return err
	}
	return kept.write(stdout, table)
}
