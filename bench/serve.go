package bench

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"hourglass/kernels"
	"hourglass/kernels/cpu"
)

// Serve is the child's side of a measurement: it prepares a workload and then
// does what it is told on in, one command a line, and answers each on a line of
// out. Peers' programs speak the same:
//
//	(the program's start)  ready
//	steps N                value V       takes N steps; the loss of the last
//	window N               ms BEST MED   times N steps, on the CPU one by one
//	flops                  flops F       of a step
//	peak MS                gflops G      measured for so long; ours alone
//	quit
//
// What goes wrong is answered "error TEXT", and the program ends.
func Serve(name string, open func() (kernels.Device, error), in io.Reader, out io.Writer) error {
	err := serve(name, open, in, out)
	if err != nil {
		fmt.Fprintf(out, "error %s\n", strings.ReplaceAll(err.Error(), "\n", " "))
	}
	return err
}

func serve(name string, open func() (kernels.Device, error), in io.Reader, out io.Writer) error {
	w, err := find(name)
	if err != nil {
		return err
	}
	dev, err := open()
	if err != nil {
		return err
	}
	defer dev.Close()
	s := &server{workload: w, dev: dev}
	if w.kind == firstStep {
		// The parent's clock runs until this line.
		loss, err := firstTrainingStep(dev)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "value %.9g\n", loss)
	} else {
		if s.subject, err = w.newSubject(dev); err != nil {
			return err
		}
		fmt.Fprintln(out, "ready")
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() && lines.Text() != "quit" {
		answer, err := s.answer(lines.Text())
		if err != nil {
			return err
		}
		fmt.Fprintln(out, answer)
	}
	return lines.Err()
}

// server answers commands about one workload.
type server struct {
	workload workload
	dev      kernels.Device
	subject  subject
}

func (s *server) answer(line string) (string, error) {
	command, argument, _ := strings.Cut(line, " ")
	n := 0
	if argument != "" {
		var err error
		if n, err = strconv.Atoi(argument); err != nil || n < 1 {
			return "", fmt.Errorf("bench: %q: want a whole number above 0", line)
		}
	}
	if s.subject == nil { // of first-step, which has no other use of it
		var err error
		if s.subject, err = s.workload.newSubject(s.dev); err != nil {
			return "", err
		}
	}
	switch command {
	case "steps":
		for range n {
			if err := s.subject.step(); err != nil {
				return "", err
			}
		}
		value, err := s.subject.value()
		return fmt.Sprintf("value %.9g", value), err
	case "window":
		return s.window(n)
	case "flops":
		return fmt.Sprintf("flops %d", s.subject.flops()), nil
	case "peak":
		return fmt.Sprintf("gflops %.6g", peakOf(s.dev, time.Duration(n)*time.Millisecond)/1e9), nil
	}
	return "", fmt.Errorf("bench: unknown command %q; want steps, window, flops, peak or quit", line)
}

// peakOf returns the operations a second that a device could do: the CPU's
// measured for so long, a GPU's by its data sheet.
func peakOf(dev kernels.Device, long time.Duration) float64 {
	switch dev := dev.(type) {
	case kernels.Threaded:
		return cpu.Peak(dev.Threads(), long)
	case interface{ Peak() float64 }:
		return dev.Peak()
	}
	return math.NaN()
}

// window times n steps, behind one that brings code and data back into caches.
func (s *server) window(n int) (string, error) {
	if err := s.subject.step(); err != nil {
		return "", err
	}
	if _, waits := s.dev.(kernels.Threaded); !waits {
		return s.queued(n)
	}
	times := make([]float64, n)
	for i := range times {
		began := time.Now()
		if err := s.subject.step(); err != nil {
			return "", err
		}
		times[i] = time.Since(began).Seconds() * 1e3
	}
	return fmt.Sprintf("ms %.6g %.6g", slices.Min(times), median(times)), nil
}

// queued times n steps of a device whose launches return before they are done,
// and gives each an equal part.
func (s *server) queued(n int) (string, error) {
	if err := s.dev.Sync(); err != nil {
		return "", err
	}
	began := time.Now()
	for range n {
		if err := s.subject.step(); err != nil {
			return "", err
		}
	}
	if err := s.dev.Sync(); err != nil {
		return "", err
	}
	each := time.Since(began).Seconds() * 1e3 / float64(n)
	return fmt.Sprintf("ms %.6g %.6g", each, each), nil
}

// median returns the middle of the values, which it leaves as they are.
func median(values []float64) float64 {
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	if n == 0 {
		return 0
	}
	return (v[(n-1)/2] + v[n/2]) / 2
}
