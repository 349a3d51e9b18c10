package cpu

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"hourglass/kernels"
)

// faultOf returns what f panics with.
func faultOf(f func()) (fault any) {
	defer func() { fault = recover() }()
	f()
	return nil
}

// TestTaskPanics has a task panic on every thread in turn, while others are under
// way: the panic is the caller's, when all tasks are done, and the pool goes on.
func TestTaskPanics(t *testing.T) {
	for _, threads := range []int{1, 3} {
		p := newPool(threads)
		defer p.close()
		for bad := range threads {
			var running, done atomic.Int64
			fault := faultOf(func() {
				p.do(threads, func(task, thread int) {
					// Nobody ends before everybody has begun, so each has a task.
					for running.Add(1); threads > 1 && running.Load() < int64(threads); {
						time.Sleep(time.Microsecond)
					}
					if thread == bad {
						var none []int
						none[thread]++
					}
					done.Add(1)
				})
			})
			if want := fmt.Sprintf("runtime error: index out of range [%d] with length 0", bad); fault == nil || fmt.Sprint(fault) != want {
				t.Errorf("%d threads: the panic of thread %d is %v for the caller, want %q", threads, bad, fault, want)
			}
			if n := done.Load(); n != int64(threads-1) {
				t.Errorf("%d threads: when the panic of thread %d came, %d other tasks were done", threads, bad, n)
			}
			for range 3 {
				done.Store(0)
				p.do(100, func(task, thread int) { done.Add(int64(task)) })
				if n := done.Load(); n != 4950 {
					t.Fatalf("%d threads: after the panic of thread %d tasks add up to %d, want 4950", threads, bad, n)
				}
			}
		}
	}
}

// TestKernelPanics has all tasks of a kernel's second phase panic: the third does
// not begin, and the kernel runs again afterwards.
func TestKernelPanics(t *testing.T) {
	for _, threads := range []int{1, 3} {
		p := newPool(threads)
		defer p.close()
		var broken atomic.Bool
		var ran [3]atomic.Int64
		k := kernel{phases: make([]phase, 3)}
		for i := range k.phases {
			k.phases[i] = phase{16, func(*call, int, []float32) {
				ran[i].Add(1)
				if i == 1 && broken.Load() {
					panic("out of order")
				}
			}}
		}
		out, l := &memory{}, p.launch(k)
		broken.Store(true)
		if fault := faultOf(func() { l.Run(out, []kernels.Buffer{}, nil) }); fault != "out of order" {
			t.Errorf("%d threads: the caller sees %v", threads, fault)
		}
		if n := ran[2].Load(); n != 0 {
			t.Errorf("%d threads: the next phase began %d tasks", threads, n)
		}
		broken.Store(false)
		l.Run(out, []kernels.Buffer{}, nil)
		if n := ran[2].Load(); n != 16 {
			t.Errorf("%d threads: after the panic the last phase ran %d tasks, want 16", threads, n)
		}
	}
}
