// Command gomlx is gomlx on its backend in pure Go as a peer of bench.
//
//	gomlx FOLDER seed-conv THREADS
//
// FOLDER holds weights.safetensors and images.safetensors. It speaks the
// protocol of bench.Serve. It is a module of its own, so that Hourglass does not
// depend on gomlx.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Printf("error %s\n", strings.ReplaceAll(err.Error(), "\n", " "))
		os.Exit(1)
	}
}

func run(args []string, in io.Reader, out io.Writer) (err error) {
	defer func() { // gomlx reports errors of a graph by panics
		if fault := recover(); fault != nil {
			err = fmt.Errorf("%v", fault)
		}
	}()
	if len(args) != 3 || args[1] != "seed-conv" {
		return fmt.Errorf("want FOLDER seed-conv THREADS, got %q", args)
	}
	threads, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	s, err := newStepper(args[0], threads)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "ready")
	return serve(s, in, out)
}

// serve answers commands until the end.
func serve(s *stepper, in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	for lines.Scan() && lines.Text() != "quit" {
		command, argument, _ := strings.Cut(lines.Text(), " ")
		count, err := strconv.Atoi(argument)
		if err != nil || count < 1 || command != "steps" && command != "window" {
			return fmt.Errorf("%q: want steps N, window N or quit", lines.Text())
		}
		if command == "window" { // the first is not timed
			count++
		}
		var times []float64
		for range count {
			began := time.Now()
			if err := s.step(); err != nil {
				return err
			}
			times = append(times, time.Since(began).Seconds()*1e3)
		}
		if command == "steps" {
			fmt.Fprintf(out, "value %.9g\n", s.loss)
			continue
		}
		times = slices.Sorted(slices.Values(times[1:]))
		middle := (times[(len(times)-1)/2] + times[len(times)/2]) / 2
		fmt.Fprintf(out, "ms %.6g %.6g\n", times[0], middle)
	}
	return lines.Err()
}
