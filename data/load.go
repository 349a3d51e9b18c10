package data

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// unknownMemory is taken for the memory of a machine that does not tell.
const unknownMemory = 8 << 30

// Memory returns MemoryLimit with its default.
func (o Options) Memory() int64 {
	if o.MemoryLimit > 0 {
		return o.MemoryLimit
	}
	if memory := MachineMemory(); memory > 0 {
		return memory / 4
	}
	return unknownMemory / 4
}

// MachineMemory returns the bytes of memory that this process may have: what
// Linux tells of the machine, or less if its control group is bounded. Elsewhere it
// returns 0: not known.
func MachineMemory() int64 {
	var memory int64
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		var kilobytes int64
		if _, err := fmt.Sscanf(string(text), "MemTotal: %d kB", &kilobytes); err == nil && kilobytes > 0 {
			memory = kilobytes << 10
		}
	}
	if text, err := os.ReadFile("/sys/fs/cgroup/memory.max"); err == nil {
		if bound, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && bound > 0 && (memory == 0 || bound < memory) {
			memory = bound
		}
	}
	return memory
}

// settle brings what a reader returned into the form that the options ask for.
func (o Options) settle(s Source) (Source, error) {
	if d, ok := s.(*Dataset); ok {
		if !o.Lazy {
			d.Load()
		}
		return d, nil
	}
	s, err := o.leaveOut(s)
	if err != nil {
		return nil, err
	}
	info := s.Info()
	bytes := float64(info.N) * float64(info.H) * float64(info.W) * float64(info.C)
	if _, ok := Bytes(s); !ok {
		bytes *= 4
	}
	if bytes <= float64(o.Memory()) {
		return asSource(Load(s, o))
	}
	if o.Strict {
		return s, nil
	}
	return newLenient(s, o.Warn), nil
}

// leaveOut asks a Checker for samples that are broken and leaves them out.
func (o Options) leaveOut(s Source) (Source, error) {
	c, ok := s.(Checker)
	if !ok {
		return s, nil
	}
	faults, err := onAllCores(s.Info().N, 1, func(from, _ int) error { return c.Check(from) })
	if err != nil {
		return nil, err
	}
	good, err := o.good(s.Info(), faults)
	if err != nil || len(faults) == 0 {
		return s, err
	}
	return Subset(s, good)
}

// good returns the samples that have no fault, of which it warns; with Strict
// the first fault is an error.
func (o Options) good(info Info, faults []flaw) ([]int32, error) {
	if len(faults) > 0 && o.Strict {
		return nil, faults[0].err
	}
	if len(faults) == info.N && info.N > 0 {
		return nil, fmt.Errorf("data: %s: none of its %d samples can be read; the first: %w", info.Name, info.N, faults[0].err)
	}
	good := make([]int32, 0, info.N-len(faults))
	for i := range info.N {
		if len(faults) > 0 && faults[0].sample == i {
			o.warn("%v; left out", faults[0].err)
			faults = faults[1:]
			continue
		}
		good = append(good, int32(i))
	}
	return good, nil
}

func (o Options) warn(format string, args ...any) {
	if o.Warn != nil {
		o.Warn(fmt.Sprintf(format, args...))
	}
}

// Load reads all samples of a source into memory, on all cores. A sample that
// is broken is left out, or with Strict an error. Of the options it heeds
// Strict and Warn.
func Load(s Source, o Options) (*Dataset, error) {
	if d, ok := s.(*Dataset); ok {
		d.Load()
		return d, nil
	}
	info := s.Info()
	d := &Dataset{Name: info.Name, N: info.N, H: info.H, W: info.W, C: info.C,
		Labels: info.Labels, Classes: info.Classes, Low: info.Low, High: info.High, Sound: info.Sound}
	size := d.SampleSize()
	read := func(from, to int) error {
		return s.Read(d.Values[from*size:to*size], numbers(from, to))
	}
	if b, ok := Bytes(s); ok {
		d.Pixels = make([]byte, info.N*size)
		read = func(from, to int) error {
			return b.ReadBytes(d.Pixels[from*size:to*size], numbers(from, to))
		}
	} else {
		d.Values = make([]float32, info.N*size)
	}
	faults, err := onAllCores(info.N, loadPiece, read)
	if err != nil {
		return nil, err
	}
	good, err := o.good(info, faults)
	if err != nil {
		return nil, err
	}
	if len(faults) > 0 {
		d.keep(good)
	}
	return d, d.Validate()
}

// loadPiece is how many samples Load reads by one call.
const loadPiece = 32

// numbers returns from … to-1.
func numbers(from, to int) []int32 {
	index := make([]int32, to-from)
	for i := range index {
		index[i] = int32(from + i)
	}
	return index
}

// keep moves the samples ids, in rising order, to the front and drops the rest.
func (d *Dataset) keep(ids []int32) {
	size := d.SampleSize()
	for i, id := range ids {
		if d.Values != nil {
			copy(d.Values[i*size:], d.row(int(id)))
		} else {
			copy(d.Pixels[i*size:], d.Image(int(id)))
		}
	}
	d.N = len(ids)
	if d.Values != nil {
		d.Values = d.Values[:d.N*size]
	} else {
		d.Pixels = d.Pixels[:d.N*size]
	}
	if d.Labels != nil {
		d.Labels = pickLabels(d.Labels, ids)
	}
}

// flaw is a sample that is broken.
type flaw struct {
	sample int
	err    error
}

// onAllCores calls work for pieces of 0 … n-1. A piece that meets a BrokenError
// is taken again sample by sample, to find which are broken; these come back in
// order. Any other error ends the work; of several the first sample's is
// returned.
func onAllCores(n, piece int, work func(from, to int) error) ([]flaw, error) {
	var next atomic.Int64
	var stop atomic.Bool
	var mu sync.Mutex
	broken := map[int]error{}
	fatalAt, fatal := n, error(nil)
	note := func(at int, err error) (isBroken bool) {
		var b *BrokenError
		isBroken = errors.As(err, &b)
		mu.Lock()
		defer mu.Unlock()
		if isBroken {
			broken[at] = err
		} else if at < fatalAt {
			fatalAt, fatal = at, err
			stop.Store(true)
		}
		return isBroken
	}
	run := func() {
		for !stop.Load() {
			from := int(next.Add(int64(piece))) - piece
			if from >= n {
				return
			}
			to := min(from+piece, n)
			err := protect(func() error { return work(from, to) })
			var b *BrokenError
			if err != nil && (to-from == 1 || !errors.As(err, &b)) {
				note(from, err)
				continue
			}
			for i := from; err != nil && i < to; i++ {
				if one := protect(func() error { return work(i, i+1) }); one != nil && !note(i, one) {
					break
				}
			}
		}
	}
	var group sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), (n+piece-1)/piece) - 1 {
		group.Go(run)
	}
	run()
	group.Wait()
	if fatal != nil {
		return nil, fatal
	}
	faults := make([]flaw, 0, len(broken))
	for i := 0; len(faults) < len(broken); i++ {
		if err := broken[i]; err != nil {
			faults = append(faults, flaw{i, err})
		}
	}
	return faults, nil
}

// protect turns a panic of a source, which may be a program's own or decode
// files that nobody has foreseen, into an error.
func protect(work func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("data: reading samples panicked: %v", p)
		}
	}()
	return work()
}

// lenient is a source in which the next good sample stands in for a broken one.
type lenient struct {
	Source
	warn func(string)

	mu     sync.Mutex
	warned map[int32]bool
}

// lenientBytes is lenient of a ByteSource.
type lenientBytes struct {
	*lenient
	bytes ByteSource
}

func newLenient(s Source, warn func(string)) Source {
	l := &lenient{Source: s, warn: warn, warned: map[int32]bool{}}
	if b, ok := Bytes(s); ok {
		return &lenientBytes{l, b}
	}
	return l
}

// Read reads samples or what stands in for them.
func (l *lenient) Read(dst []float32, index []int32) error {
	return readAround(l, dst, index, l.Source.Read)
}

// ReadBytes reads samples or what stands in for them.
func (l *lenientBytes) ReadBytes(dst []byte, index []int32) error {
	return readAround(l.lenient, dst, index, l.bytes.ReadBytes)
}

// readAround reads by read, and sample by sample if one is broken.
func readAround[T any](l *lenient, dst []T, index []int32, read func([]T, []int32) error) error {
	err := read(dst, index)
	var broken *BrokenError
	if !errors.As(err, &broken) {
		return err
	}
	info := l.Info()
	size := info.SampleSize()
	for k, i := range index {
		to := dst[k*size:][:size]
		for tries, at := 0, i; ; tries++ {
			err := read(to, []int32{at})
			if err == nil {
				break
			}
			if !errors.As(err, &broken) {
				return err
			}
			if tries == info.N {
				return fmt.Errorf("data: %s: none of its %d samples can be read; the last: %w", info.Name, info.N, err)
			}
			l.tell(at, err)
			at = (at + 1) % int32(info.N)
		}
	}
	return nil
}

// tell warns of a sample once.
func (l *lenient) tell(i int32, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.warned[i] && l.warn != nil {
		l.warn(fmt.Sprintf("%v; the next one stands in for it", err))
	}
	l.warned[i] = true
}
