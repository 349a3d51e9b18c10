package cpu

import (
	"runtime"
	"sync/atomic"

	"hourglass/kernels"
)

// A kernel computes one operation on operands of fixed shapes. It is a list of
// phases, each cut into tasks by shape alone, so that its results do not depend
// on the number of threads: partial results go to the workspace, and a later
// phase adds them in the order of the tasks.
type kernel struct {
	phases    []phase
	setup     int    // how many of the first phases read no operand that is a batch
	workspace int    // float32s, shared by all tasks of a launch
	scratch   int    // float32s, private to a task, its contents arbitrary
	inPlace   uint32 // bit i: out may be the memory of operand i
	adds      bool   // it minds call.add
}

// A phase is a number of tasks that may run in any order and at once. All tasks
// of a phase are done before the next phase starts.
type phase struct {
	tasks int
	run   func(c *call, task int, scratch []float32)
}

// A call is one execution of a kernel on actual memory.
type call struct {
	out  *memory
	in   []*memory
	work []float32
	add  bool // add the result to what out holds
}

// single returns a kernel of one phase.
func single(tasks int, run func(c *call, task int, scratch []float32)) kernel {
	return kernel{phases: []phase{{tasks, run}}}
}

// split returns the bounds of piece i of n pieces of total elements, with each
// bound but the last a multiple of unit.
func split(total, n, i, unit int) (from, to int) {
	units := (total + unit - 1) / unit
	from, to = units*i/n*unit, units*(i+1)/n*unit
	return min(from, total), min(to, total)
}

// pieces returns into how many tasks to cut total elements when a task should
// have at least grain of them.
func pieces(total, grain int) int { return max(1, min(total/max(grain, 1), maxTasks)) }

// maxTasks bounds the tasks of a phase: enough for any number of cores to stay
// busy to the end, few enough that handing them out costs nothing.
const maxTasks = 256

// pool runs tasks on a fixed set of goroutines. The caller of launch's Run is
// one of them. Idle workers spin for a short while, as the next phase usually
// comes within microseconds, then sleep. A phase ends when its tasks are done,
// not when every worker has looked: a worker that the system has preempted
// between phases holds nobody up. A panic of a task is the caller's, on whatever
// goroutine it was, and leaves the pool as it is after any phase.
type pool struct {
	workers []*worker
	scratch [][]float32 // one for each thread, grown by launch

	run func(task, thread int)
	// hand holds the number of tasks in its upper half and the next task to
	// hand out in its lower. One atomic addition takes a task; what it returns
	// also tells whether the task exists, so run is only read by those whose
	// task keeps the phase from ending.
	hand  atomic.Uint64
	done  atomic.Int64
	fault atomic.Pointer[any] // the first panic of the phase's tasks
	quit  atomic.Bool
}

// A worker waits for the sequence number of its phases to move.
type worker struct {
	seq    atomic.Uint64
	asleep atomic.Bool
	wake   chan struct{}
	_      [64]byte
}

// spins is how often an idle worker looks for work before it sleeps.
const spins = 2000

func newPool(threads int) *pool {
	p := &pool{workers: make([]*worker, threads-1), scratch: make([][]float32, threads)}
	for i := range p.workers {
		w := &worker{wake: make(chan struct{}, 1)}
		p.workers[i] = w
		go p.work(w, i+1)
	}
	return p
}

func (p *pool) threads() int { return len(p.scratch) }

// launch makes a kernel executable. Its Run is not reentrant, and neither are
// the launches of one pool.
func (p *pool) launch(k kernel) kernels.Launch {
	for i := range p.scratch {
		if len(p.scratch[i]) < k.scratch {
			p.scratch[i] = make([]float32, k.scratch)
		}
	}
	calls := make([]call, p.threads())
	runs := make([]func(task, thread int), len(k.phases))
	for i, ph := range k.phases {
		runs[i] = func(task, thread int) { ph.run(&calls[0], task, p.scratch[thread]) }
	}
	launch := kernels.Launch{
		Workspace: 4 * k.workspace,
		InPlace:   k.inPlace,
		Run: func(out kernels.Buffer, in []kernels.Buffer, work kernels.Buffer) {
			calls[0].bind(out, in, work, k.workspace)
			calls[0].add = false
			for i, run := range runs {
				p.do(k.phases[i].tasks, run)
			}
		},
		Setup:  p.serial(&k, calls, 0, k.setup, false),
		Serial: p.serial(&k, calls, k.setup, len(k.phases), false),
	}
	if k.adds {
		launch.SerialAdd = p.serial(&k, calls, k.setup, len(k.phases), true)
	}
	return launch
}

// serial returns what runs some of the phases on the calling thread.
func (p *pool) serial(k *kernel, calls []call, from, to int, add bool) func(thread int, out kernels.Buffer, in []kernels.Buffer, work kernels.Buffer) {
	phases := k.phases[from:to]
	return func(thread int, out kernels.Buffer, in []kernels.Buffer, work kernels.Buffer) {
		if len(phases) == 0 {
			return
		}
		c := &calls[thread]
		c.bind(out, in, work, k.workspace)
		c.add = add
		for i := range phases {
			for task := range phases[i].tasks {
				phases[i].run(c, task, p.scratch[thread])
			}
		}
	}
}

// bind points the call to the memory of one execution.
func (c *call) bind(out kernels.Buffer, in []kernels.Buffer, work kernels.Buffer, workspace int) {
	c.out = out.(*memory)
	if cap(c.in) < len(in) {
		c.in = make([]*memory, len(in))
	}
	c.in = c.in[:len(in)]
	for i, b := range in {
		c.in[i] = b.(*memory)
	}
	if workspace > 0 {
		c.work = work.(*memory).f32[:workspace]
	}
}

// do runs all tasks of a phase and returns when they are done.
func (p *pool) do(tasks int, run func(task, thread int)) {
	if tasks == 1 || len(p.workers) == 0 {
		for task := range tasks {
			run(task, 0)
		}
		return
	}
	p.run = run
	p.done.Store(0)
	p.hand.Store(uint64(tasks) << 32)
	p.signal()
	p.drain(0)
	for spin := 0; p.done.Load() < int64(tasks); spin++ {
		if spin > spins {
			runtime.Gosched()
		}
	}
	if fault := p.fault.Load(); fault != nil {
		p.fault.Store(nil)
		panic(*fault)
	}
}

// signal starts the workers on what the fields of p describe.
func (p *pool) signal() {
	for _, w := range p.workers {
		w.seq.Add(1)
		if w.asleep.Swap(false) {
			w.wake <- struct{}{}
		}
	}
}

// drain runs tasks until none is left.
func (p *pool) drain(thread int) {
	for !p.drained(thread) {
	}
}

// drained reports whether no task is left; if not, one has panicked. To recover
// here, and not around each task, costs a phase next to nothing.
func (p *pool) drained(thread int) (all bool) {
	defer func() {
		if all {
			return
		}
		fault := recover()
		p.fault.CompareAndSwap(nil, &fault)
		p.done.Add(1)
	}()
	for {
		h := p.hand.Add(1) - 1
		task := h & (1<<32 - 1)
		if task >= h>>32 {
			return true
		}
		p.run(int(task), thread)
		p.done.Add(1)
	}
}

// work is the life of one worker.
func (p *pool) work(w *worker, thread int) {
	seen := uint64(0)
	for {
		for spin := 0; w.seq.Load() == seen; spin++ {
			if spin < spins {
				if spin%64 == 63 {
					runtime.Gosched()
				}
				continue
			}
			w.asleep.Store(true)
			if w.seq.Load() != seen && w.asleep.Swap(false) {
				break // the signal came before the sleep
			}
			<-w.wake
			break
		}
		seen = w.seq.Load()
		if p.quit.Load() {
			return
		}
		p.drain(thread)
	}
}

// close ends the workers.
func (p *pool) close() {
	if !p.quit.Swap(true) {
		p.signal()
	}
}
