package cpu

import (
	"bytes"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"hourglass/kernels"
	"hourglass/kernels/cpu/internal/simd"
	"hourglass/kernels/kernelstest"
)

// open returns a device that is closed at the end of the test.
func open(t testing.TB, o Options) *Device {
	t.Helper()
	d, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// TestAllocKnowsTheHost: more memory than there is is an error, not the end.
func TestAllocKnowsTheHost(t *testing.T) {
	d := open(t, Options{Threads: 1, Memory: 3 << 29})
	if _, err := d.Alloc(1 << 20); err != nil {
		t.Error(err)
	}
	want := "cpu: the program takes 1024.0 GiB of memory, this machine has 1.5 GiB: want a smaller batch or model"
	if _, err := d.Alloc(1 << 40); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestKernels holds the device to every case on each tier of instructions, with
// buffers that end or start at an unreadable page.
func TestKernels(t *testing.T) {
	if testing.Short() {
		t.Skip("short: the race detector slows the references; TestThreads shows it every kernel")
	}
	best := simd.Best()
	try := func(tier simd.Tier, threads int, front bool) {
		t.Run(fmt.Sprintf("%v,threads=%d,front=%t", tier, threads, front), func(t *testing.T) {
			defer simd.Force(tier)()
			kernelstest.Run(t, open(t, Options{Threads: threads, Allocate: kernelstest.Fenced(front)}))
		})
	}
	try(best, 3, true)
	try(best, 2, false)
	for tier := range best {
		try(tier, 1+int(tier)%2, tier%2 == 0)
	}
}

// TestThreads holds the bits of every result to be the same whatever the number
// of threads, and a launch to allocate nothing.
func TestThreads(t *testing.T) {
	one, two, three := open(t, Options{Threads: 1}), open(t, Options{Threads: 2}), open(t, Options{Threads: 3})
	for _, c := range kernelstest.Cases() {
		t.Run(c.String(), func(t *testing.T) {
			want := result(t, one, c)
			if got := result(t, three, c); !bytes.Equal(got, want) {
				t.Error("three threads give other bits than one")
			}
			b := bind(t, two, c)
			if n := testing.AllocsPerRun(5, b.Run); n != 0 {
				t.Errorf("a launch does %v allocations", n)
			}
			if got, err := b.Result(); err != nil || !bytes.Equal(got, want) {
				t.Errorf("two threads give other bits than one (error %v)", err)
			}
		})
	}
}

// TestFloat64 holds operations on float64 to the references' own numbers.
func TestFloat64(t *testing.T) {
	if testing.Short() {
		t.Skip("short: nothing here runs concurrently")
	}
	dev := open(t, Options{Threads: 2})
	for _, c := range kernelstest.Cases() {
		wide := c
		wide.In = slices.Clone(c.In)
		for i, o := range c.In {
			if o.DType == kernels.Float32 {
				wide.In[i].DType = kernels.Float64
			}
		}
		out, err := kernels.Infer(wide.Spec, wide.In...)
		if err != nil || out.DType != kernels.Float64 {
			continue // the operation fixes its types
		}
		t.Run(wide.String(), func(t *testing.T) {
			want := kernels.NewArray(out.Shape)
			wide.Spec.Ref(want, wide.Inputs(1)...)
			if !bytes.Equal(result(t, dev, wide), kernelstest.Encode(kernels.Float64, want.Data)) {
				t.Error("the result differs from the reference")
			}
		})
	}
}

func bind(t testing.TB, dev *Device, c kernelstest.Case) *kernelstest.Bound {
	t.Helper()
	b, err := kernelstest.Bind(dev, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Feed(c.Inputs(1)); err != nil {
		t.Fatal(err)
	}
	return b
}

func result(t *testing.T, dev *Device, c kernelstest.Case) []byte {
	t.Helper()
	return resultOf(t, dev, c, c.Inputs(1))
}

func resultOf(t *testing.T, dev *Device, c kernelstest.Case, in []kernels.Array) []byte {
	t.Helper()
	b, err := kernelstest.Bind(dev, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Feed(in); err != nil {
		t.Fatal(err)
	}
	b.Run()
	bits, err := b.Result()
	if err != nil {
		t.Fatal(err)
	}
	return bits
}

// TestPool runs many short phases: each task exactly once, and never before the
// phases ahead of its own are done.
func TestPool(t *testing.T) {
	const launches = 3000
	p := newPool(4)
	defer p.close()
	var early atomic.Int64
	var count [4]int64 // tasks of each phase, written without locks by the last phase
	tasks := []int{1, 7, 2, 64}
	ran := make([][]atomic.Int64, len(tasks))
	var k kernel
	for i, n := range tasks {
		ran[i] = make([]atomic.Int64, n)
		k.phases = append(k.phases, phase{n, func(c *call, task int, scratch []float32) {
			ran[i][task].Add(1)
			if i > 0 {
				for j := range ran[i-1] {
					if ran[i-1][j].Load() < ran[i][task].Load() {
						early.Add(1)
					}
				}
			}
			scratch[0]++ // the race detector sees two tasks that share it
		}})
	}
	k.scratch = 1
	k.phases = append(k.phases, phase{1, func(*call, int, []float32) {
		for i := range count {
			count[i] += int64(tasks[i])
		}
	}})
	l := p.launch(k)
	for range launches {
		l.Run(newMemory(nil), nil, nil)
	}
	if n := early.Load(); n > 0 {
		t.Errorf("%d tasks ran before the phase ahead of theirs was done", n)
	}
	for i, n := range tasks {
		if count[i] != int64(launches*n) {
			t.Errorf("phase %d: counted %d tasks, want %d", i, count[i], launches*n)
		}
		for task := range ran[i] {
			if got := ran[i][task].Load(); got != launches {
				t.Errorf("phase %d: task %d ran %d times in %d launches", i, task, got, launches)
			}
		}
	}
}

// TestClose closes devices twice, idle and in use before.
func TestClose(t *testing.T) {
	for _, threads := range []int{0, 1, 3} {
		d, err := New(Options{Threads: threads})
		if err != nil {
			t.Fatal(err)
		}
		c := kernelstest.Cases()[0]
		result(t, d, c)
		for range 2 {
			if err := d.Close(); err != nil {
				t.Errorf("%d threads: %v", threads, err)
			}
		}
	}
	if _, err := New(Options{Threads: -1}); err == nil {
		t.Error("a device with −1 threads: want an error")
	}
}

// strange is a Spec that the device has never heard of.
type strange struct{ kernels.Spec }

func (strange) Name() string { return "strange" }

func TestPrepareRefuses(t *testing.T) {
	_, err := open(t, Options{}).Prepare(strange{}, kernelstest.F32(kernels.Shape{2})[0])
	if want := "cpu: strange (cpu.strange): unsupported"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %q", err, want)
	}
}
