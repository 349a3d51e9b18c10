// Command tour takes the hourglass command through everything that people do with
// an autoencoder, on real files, and leaves a folder of pictures, tables and exports
// with an index.md that names each beside the command line that made it.
//
//	go run ./bench/tour --hourglass ./hourglass                  on built-in digits
//	go run ./bench/tour --hourglass ./hourglass --data mnist:DIR
//
// A command that fails ends the tour with its message.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "tour:", err)
		if ctx.Err() != nil {
			os.Exit(130) // as the commands do after Ctrl-C
		}
		os.Exit(1)
	}
}

// options is the command line.
type options struct {
	hourglass, data, out string
	quick                bool
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("tour", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.hourglass, "hourglass", "hourglass", "the `command`")
	f.StringVar(&o.data, "data", "builtin", "labelled grey images of ten classes, as hourglass `takes` them")
	f.StringVar(&o.out, "out", "tour", "the `folder` to leave; an earlier tour there is replaced")
	f.BoolVar(&o.quick, "quick", false, "train on a few samples and look at a few: whether all works, not how well")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("want flags alone, got %q", f.Arg(0))
	}
	if o.data == "" {
		o.data = "builtin"
	}
	return o, nil
}

func run(ctx context.Context, args []string, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	binary, err := exec.LookPath(o.hourglass)
	if err != nil {
		return fmt.Errorf("%w; make build makes it", err)
	}
	if binary, err = filepath.Abs(binary); err != nil {
		return err
	}
	if err := clear(o.out); err != nil {
		return err
	}
	spec, err := within(o.out, o.data)
	if err != nil {
		return err
	}
	book := &index{folder: o.out, data: o.data}
	if err := book.write(); err != nil {
		return err
	}
	if err := writeInputs(o.out, o.data, o.quick); err != nil {
		return err
	}
	for _, c := range route(spec) {
		book.open(c)
		fmt.Fprintln(stderr, c.title)
		for _, s := range c.stops {
			if o.quick {
				s.line = briefly(s.line)
			}
			v, err := visit(ctx, binary, o.out, s)
			if err != nil {
				return err
			}
			fmt.Fprintf(stderr, "%7.1f s %7.1f s of processors  %s\n", v.wall.Seconds(), v.user.Seconds(), s.line)
			if err := book.add(v); err != nil {
				return err
			}
		}
	}
	fmt.Fprintf(stderr, "%s, %d commands in %s\n", filepath.Join(o.out, "index.md"), book.count, book.wall.Round(time.Second))
	return nil
}

// clear makes an empty folder, in place of an earlier tour and of nothing else.
func clear(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if len(entries) > 0 {
		text, err := os.ReadFile(filepath.Join(folder, indexName))
		if err != nil || !strings.HasPrefix(string(text), indexTitle) {
			return fmt.Errorf("%s holds something else than an earlier tour; --out names another folder", folder)
		}
		if err := os.RemoveAll(folder); err != nil {
			return err
		}
	}
	return os.MkdirAll(folder, 0o777)
}

// within is a specification of data as the commands need it, which run in folder.
func within(folder, spec string) (string, error) {
	kind, rest, ok := strings.Cut(spec, ":")
	path, options, _ := strings.Cut(rest, ",")
	if !ok || strings.Contains(path, "=") || filepath.IsAbs(path) {
		return spec, nil
	}
	from, err := filepath.Abs(folder)
	if err != nil {
		return "", err
	}
	to, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if path, err = filepath.Rel(from, to); err != nil {
		return "", err
	}
	if options != "" {
		path += "," + options
	}
	return kind + ":" + filepath.ToSlash(path), nil
}
