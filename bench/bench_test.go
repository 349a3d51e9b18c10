package bench

import (
	"bytes"
	"context"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"hourglass/kernels"
	"hourglass/kernels/cpu"
)

// serveVariable makes the test binary serve a workload, as the command does.
const serveVariable = "HOURGLASS_BENCH_SERVE"

func TestMain(m *testing.M) {
	if os.Getenv(serveVariable) == "" {
		os.Exit(m.Run())
	}
	threads, err := strconv.Atoi(os.Args[2])
	if err == nil {
		err = Serve(os.Args[1], onThreads(threads), os.Stdin, os.Stdout)
	}
	if err != nil {
		os.Exit(1)
	}
}

// onThreads opens the CPU.
func onThreads(n int) func() (kernels.Device, error) {
	return func() (kernels.Device, error) { return cpu.New(cpu.Options{Threads: n}) }
}

// quick measures as little as possible.
func quick(t *testing.T, names ...string) Options {
	t.Setenv(serveVariable, "1")
	return Options{Workloads: names, Threads: 2, Windows: 2, Window: time.Millisecond, Self: []string{os.Args[0]}}
}

func TestRunMeasures(t *testing.T) {
	var progress bytes.Buffer
	o := quick(t, "encode", "dense", "first-step")
	o.Progress = &progress
	results, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range results {
		names = append(names, r.Workload)
		if r.Device != "cpu" || r.Precision != "float32" || r.Threads != 2 {
			t.Errorf("%s: device, precision and threads are %s %s %d, want cpu float32 2", r.Workload, r.Device, r.Precision, r.Threads)
		}
		if !(r.MSBest > 0) || !(r.MSMedian >= r.MSBest) || !(r.ImagesPerSecond > 0) {
			t.Errorf("%s: %+v, want times above 0, and the median no less than the best", r.Workload, r)
		}
		if !(r.GFLOPS > 0) || !(r.PeakGFLOPS > 0.1) || !(math.Abs(r.PeakShare-r.GFLOPS/r.PeakGFLOPS) <= 1e-9) {
			t.Errorf("%s: %+v, want rates above 0 and their quotient", r.Workload, r)
		}
		if known := peakMemory(os.Getpid()) > 0; known && !(r.PeakMemoryMB > 1) {
			t.Errorf("%s: peak memory %g MB, want more than 1", r.Workload, r.PeakMemoryMB)
		}
	}
	// encode stands for both batch sizes, and the order is the table's.
	if got := strings.Join(names, " "); got != "dense encode encode-1 first-step" {
		t.Errorf("measured %q", got)
	}
	if !strings.Contains(progress.String(), "dense: ") {
		t.Errorf("progress is %q, want a line about dense", progress.String())
	}
}

// The operations of a step, worked out by hand from the layers: forward, and
// twice as many backward, but for the gradient by the images.
func TestFlops(t *testing.T) {
	seedForward := 196*9*32 + 49*9*32*64 + 3136*2 + 2*3136 + 49*9*64*64 + 196*9*64*32 + 784*9*32
	vaeForward := 1024*9*3*32 + 256*9*32*64 + 64*9*64*128 + 16*9*128*256
	vaeForward += vaeForward + 3*64*4096
	deepForward := 1024*9*(3*64+64*64) + 256*9*64*64 + 256*9*(64*128+128*128) + 64*9*128*128
	deepForward += 64*9*(128*256+256*256) + 16*9*256*256
	deepForward += deepForward + 2*128*4096
	for name, want := range map[string]int{
		"seed-conv": 2 * 128 * (3*seedForward - 196*9*32),
		"dense":     2 * 256 * (3*2*(784*128+128*32) - 784*128),
		"vae64":     2 * 64 * (3*vaeForward - 1024*9*3*32),
		"deep-conv": 2 * 128 * (3*deepForward - 1024*9*3*64),
		"encode":    2 * 128 * (196*9*32 + 49*9*32*64 + 3136*2),
		"encode-1":  2 * (196*9*32 + 49*9*32*64 + 3136*2),
	} {
		s := subjectOf(t, name)
		if got := s.flops(); got != int64(want) {
			t.Errorf("%s: %d operations, want %d", name, got, want)
		}
	}
}

func subjectOf(t *testing.T, name string) subject {
	t.Helper()
	w, err := find(name)
	if err != nil {
		t.Fatal(err)
	}
	dev, err := cpu.New(cpu.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dev.Close() })
	s, err := w.newSubject(dev)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTrainingLearns(t *testing.T) {
	s := subjectOf(t, "dense")
	loss := func(steps int) float64 {
		for range steps {
			if err := s.step(); err != nil {
				t.Fatal(err)
			}
		}
		v, err := s.value()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if first, later := loss(1), loss(checkSteps-1); !(later < 0.95*first) {
		t.Errorf("loss %g after a step and %g after %d, want it to fall", first, later, checkSteps)
	}
}

func TestUnknownWorkload(t *testing.T) {
	_, err := Run(context.Background(), Options{Workloads: []string{"dense", "dence"}, Self: []string{"true"}})
	want := `bench: there is no workload "dence"; want seed-conv, dense, vae64, deep-conv, encode, encode-1, first-step`
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for want, o := range map[string]Options{
		"bench: threads is -1, want 0 (all processors) or more": {Threads: -1, Self: []string{"true"}},
		"bench: windows is -2, want 1 or more":                  {Windows: -2, Self: []string{"true"}},
		"bench: no command that serves a workload":              {},
	} {
		if _, err := Run(context.Background(), o); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// A child that fails, ends early or talks nonsense must not look like a
// measurement.
func TestBadChildren(t *testing.T) {
	for script, want := range map[string]string{
		"echo error out of luck":                        "bench: hourglass dense: out of luck",
		"echo 1>&2 first; echo 1>&2 no memory; exit 1":  "bench: hourglass dense: it ended early: no memory",
		"echo value 3":                                  `bench: hourglass dense: answered "value 3", want "ready" and a value`,
		"echo chatter; echo ready; read x; echo ms 1 2": `bench: hourglass dense: answered "ms 1 2", want "value" and a value`,
	} {
		o := Options{Workloads: []string{"dense"}, Windows: 1, Self: []string{"sh", "-c", script, "sh"}}
		if _, err := Run(context.Background(), o); err == nil || err.Error() != want {
			t.Errorf("%s: error %v, want %s", script, err, want)
		}
	}
}

func TestServeRefusesNonsense(t *testing.T) {
	for in, want := range map[string]string{
		"dance\n":    `error bench: unknown command "dance"; want steps, window, flops, peak or quit`,
		"window 0\n": `error bench: "window 0": want a whole number above 0`,
		"steps x\n":  `error bench: "steps x": want a whole number above 0`,
	} {
		var out bytes.Buffer
		err := Serve("encode-1", onThreads(1), strings.NewReader(in), &out)
		if want := "ready\n" + want + "\n"; err == nil || out.String() != want {
			t.Errorf("%q: answers %q, want %q", in, out.String(), want)
		}
	}
}
