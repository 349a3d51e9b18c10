//go:build gpu

package driver_test

import (
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"hourglass/kernels/cuda/driver"
	"hourglass/kernels/cuda/emulated"
)

// trial is a context of the emulated driver with the kernels of its testdata.
type trial struct {
	*testing.T
	c *driver.Context
	m *driver.Module
}

func newTrial(t *testing.T) *trial {
	path, err := emulated.Build("../emulated/testdata")
	if errors.Is(err, emulated.ErrNoCompiler) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := driver.Load(path); err != nil {
		t.Fatal(err)
	}
	c, err := driver.Open(0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	r := &trial{t, c, nil}
	r.load("trial")
	return r
}

// load makes the kernels of a file those that launch finds.
func (t *trial) load(file string) {
	t.Helper()
	image, err := os.ReadFile("../emulated/testdata/ptx/" + file + ".ptx")
	if err != nil {
		t.Fatal(err)
	}
	if t.m, err = t.c.Load(string(image)); err != nil {
		t.Fatal(err)
	}
}

func (t *trial) alloc(bytes int) driver.Ptr {
	t.Helper()
	p, err := t.c.Alloc(bytes)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// put returns device memory with the numbers.
func (t *trial) put(x []float32) driver.Ptr {
	t.Helper()
	mem, err := t.c.AllocHost(4 * len(x))
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range x {
		binary.NativeEndian.PutUint32(mem[4*i:], math.Float32bits(v))
	}
	p := t.alloc(len(mem))
	if err := t.c.CopyIn(p, mem); err != nil {
		t.Fatal(err)
	}
	return p
}

// take waits and returns n numbers of device memory.
func (t *trial) take(p driver.Ptr, n int) []float32 {
	t.Helper()
	mem, err := t.c.AllocHost(4 * n)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(t.c.CopyOut(mem, p), t.c.Sync()); err != nil {
		t.Fatal(err)
	}
	x := make([]float32, n)
	for i := range x {
		x[i] = math.Float32frombits(binary.NativeEndian.Uint32(mem[4*i:]))
	}
	return x
}

func (t *trial) launch(name string, grid, block, shared int, whole bool, params ...uint64) error {
	t.Helper()
	f, err := t.m.Function(name)
	if err != nil {
		t.Fatal(err)
	}
	return t.c.Launch(f, &driver.Size{Grid: [3]int{grid, 1, 1}, Block: [3]int{block, 1, 1}, Shared: shared}, params, whole)
}

func random(n int) []float32 {
	r := rand.New(rand.NewPCG(1, 2))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

func TestKernelsRun(t0 *testing.T) {
	t := newTrial(t0)
	const n = 100_000
	a, b := random(n), random(n)
	pa, pb, out := t.put(a), t.put(b), t.alloc(4*n)
	if err := t.launch("trial_add", (n+255)/256, 256, 0, false, uint64(out), uint64(pa), uint64(pb), n); err != nil {
		t.Fatal(err)
	}
	for i, x := range t.take(out, n) {
		if x != a[i]+b[i] {
			t.Fatalf("element %d is %v, want %v", i, x, a[i]+b[i])
		}
	}
}

func TestBarriersAndShuffles(t0 *testing.T) {
	t := newTrial(t0)
	a := random(16 * 256)
	p, out := t.put(a), t.alloc(4*16)
	sums := func(name string) (wrong int) {
		if err := t.launch(name, 16, 256, 0, false, uint64(out), uint64(p)); err != nil {
			t.Fatal(err)
		}
		for i, x := range t.take(out, 16) {
			want := float32(0)
			for _, v := range a[256*i : 256*i+256] {
				want += v
			}
			if !(math.Abs(float64(x-want)) < 1e-3) {
				wrong++
			}
		}
		return wrong
	}
	if n := sums("trial_sum"); n != 0 {
		t.Errorf("%d of 16 sums are wrong", n)
	}
	if n := sums("trial_race"); n == 0 {
		t.Error("without its barrier the sum is right all the same: the order of threads hides races")
	}
}

func TestMatricesOnTensorCores(t0 *testing.T) {
	t := newTrial(t0)
	const k = 32
	a, b := random(16*k), random(k*8)
	check := func(out driver.Ptr, k int, scale, tol float64) {
		t.Helper()
		for i, x := range t.take(out, 16*8) {
			want := 0.0
			for j := range k {
				want += float64(a[i/8*k+j]) * float64(b[j*8+i%8])
			}
			if !(math.Abs(float64(x)-scale*want) < tol) {
				t.Fatalf("element %d is %v, want %v", i, x, scale*want)
			}
		}
	}
	pa, pb, out := t.put(a), t.put(b), t.alloc(4*16*8)
	shared := 4 * (16*8 + 8*8)
	if err := t.launch("trial_product", 1, 32, shared, true, uint64(out), uint64(pa), uint64(pb), k, math.Float64bits(2)); err != nil {
		t.Fatal(err)
	}
	check(out, k, 2, 0.03)
	if err := t.launch("trial_halves", 1, 32, 0, false, uint64(out), uint64(pa), uint64(pb)); err != nil {
		t.Fatal(err)
	}
	check(out, 16, 1, 0.1)
}

// TestWarpgroups holds a wgmma to what it computes, and has each of the mistakes
// noticed that on a GPU would be wrong numbers at times.
func TestWarpgroups(t *testing.T) {
	for kernel, want := range map[string]string{
		"product":           "",
		"unpublished":       "was not published before the last barrier",
		"one_publishes":     "was not published before the last barrier",
		"no_barrier":        "was not published before the last barrier",
		"published_early":   "writes to shared memory between a wgmma_publish and the barrier",
		"unfenced":          "a wgmma without a wgmma_fence",
		"touched_fenced":    "touched after the last wait, with no wgmma_sums before the wgmma_fence",
		"unsettled":         "touched after the last wait, with no wgmma_sums before the wgmma_fence",
		"touched_meanwhile": "touched before it was waited for",
		"overwritten":       "overwritten before the wgmma was done",
		"uncommitted":       "a wgmma_sums before the wgmma was waited for",
		"one_warp_less":     "some warps of a warpgroup begin a wgmma that others do not",
	} {
		t.Run(kernel, func(t0 *testing.T) {
			const m, n, k = 64, 128, 16
			t := newTrial(t0)
			t.load("warpgroup")
			a, b := make([]float32, m*k), make([]float32, n*k) // small whole numbers: no rounding
			for i := range b {
				b[i] = float32(i*7%13 - 6)
			}
			for i := range a {
				a[i] = float32(i*5%11 - 5)
			}
			out, pa, pb := t.alloc(4*m*n), t.put(a), t.put(b)
			if err := t.launch("warpgroup_"+kernel, 1, 128, 4*(m+n)*k, false, uint64(out), uint64(pa), uint64(pb)); err != nil {
				t.Fatal(err)
			}
			if want != "" {
				if err := t.c.Sync(); err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %q in it", err, want)
				}
				return
			}
			for i, x := range t.take(out, m*n) {
				want := float32(0)
				for j := range k {
					want += a[i/n*k+j] * b[i%n*k+j]
				}
				if x != want {
					t.Fatalf("element %d is %v, want %v", i, x, want)
				}
			}
		})
	}
}

func TestVotes(t0 *testing.T) {
	t := newTrial(t0)
	out := t.alloc(4 * 64)
	if err := t.launch("trial_votes", 1, 64, 0, false, uint64(out)); err != nil {
		t.Fatal(err)
	}
	for i, x := range t.take(out, 64) {
		want := uint32(0x49249249)
		if i >= 32 {
			want = 0x92492492
		}
		if math.Float32bits(x) != want {
			t.Fatalf("thread %d sees the votes %08x, want %08x", i, math.Float32bits(x), want)
		}
	}
}

func TestCopiesComeAsLateAsTheyMay(t0 *testing.T) {
	t := newTrial(t0)
	p, out := t.put(random(128)), t.alloc(4*32)
	if err := t.launch("trial_late", 1, 32, 512, false, uint64(out), uint64(p)); err != nil {
		t.Fatal(err)
	}
	for i, x := range t.take(out, 32) {
		if x == x {
			t.Fatalf("element %d is %v though nobody waited for it, want NaN", i, x)
		}
	}
}

func TestMistakesAreNamed(t *testing.T) {
	for _, c := range []struct {
		kernel string
		want   string
		params func(t *trial) []uint64
	}{
		{"trial_past", "trial_past: block (0,0,0) thread (", func(t *trial) []uint64 { return []uint64{uint64(t.alloc(64)), 16} }},
		{"trial_past", "bytes past the end of one of 64 bytes", func(t *trial) []uint64 { return []uint64{uint64(t.alloc(64)), 100} }},
		{"trial_askew", "addresses must be multiples of 16", func(t *trial) []uint64 { return []uint64{uint64(t.alloc(128))} }},
		{"trial_divergent", "divergent barrier", func(t *trial) []uint64 { return []uint64{uint64(t.alloc(128))} }},
		{"trial_lanes", "only lanes aaaaaaaa of ffffffff came to line", func(t *trial) []uint64 { return []uint64{uint64(t.alloc(128))} }},
	} {
		t.Run(c.kernel, func(t0 *testing.T) {
			t := newTrial(t0)
			if err := t.launch(c.kernel, 1, 32, 0, false, c.params(t)...); err != nil {
				t.Fatal(err)
			}
			err := t.c.Sync()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
			if again := t.c.Sync(); again == nil {
				t.Error("a failure is forgotten")
			}
		})
	}
}

func TestGraphsReplay(t0 *testing.T) {
	t := newTrial(t0)
	a := []float32{1, 2, 3, 4}
	p := t.put(a)
	if err := t.c.BeginCapture(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := t.launch("trial_add", 1, 256, 0, false, uint64(p), uint64(p), uint64(p), 4); err != nil {
			t.Fatal(err)
		}
	}
	g, err := t.c.EndCapture()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := t.c.Replay(g); err != nil {
			t.Fatal(err)
		}
	}
	for i, x := range t.take(p, 4) {
		if x != 64*a[i] {
			t.Errorf("element %d is %v after two replays of three doublings, want %v", i, x, 64*a[i])
		}
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
}

func TestRecordingRefusesWhatItCannotHold(t0 *testing.T) {
	t := newTrial(t0)
	if err := t.c.BeginCapture(); err != nil {
		t.Fatal(err)
	}
	if _, err := t.c.Alloc(16); err == nil || !strings.Contains(err.Error(), "cuMemAlloc while a stream is recorded") {
		t.Errorf("an allocation gives %v", err)
	}
	if _, err := t.c.EndCapture(); err == nil {
		t.Error("the recording is kept")
	}
}

func TestFailuresOnOrder(t *testing.T) {
	for fail, want := range map[string]string{
		"alloc:2": "out of memory", "launch:1": "a launch failed", "copy:3": "a copy failed", "lost:9": "the device was lost",
		"refuse:1": "too many resources",
	} {
		t.Run(fail, func(t0 *testing.T) {
			t := newTrial(t0)
			t0.Setenv("HOURGLASS_EMULATED", "fail="+fail)
			err := func() error {
				host, err := t.c.AllocHost(64)
				if err != nil {
					return err
				}
				for range 3 {
					p, err := t.c.Alloc(64)
					if err != nil {
						return err
					}
					if err := t.c.CopyIn(p, host); err != nil {
						return err
					}
					if err := t.launch("trial_add", 1, 256, 0, false, uint64(p), uint64(p), uint64(p), 4); err != nil {
						return err
					}
				}
				return t.c.Sync()
			}()
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %q in it", err, want)
			}
		})
	}
}

func TestDevices(t0 *testing.T) {
	t := newTrial(t0)
	t0.Setenv("HOURGLASS_EMULATED", "devices=2 memory=1000000 capability=90")
	all, err := driver.Devices()
	if err != nil || len(all) != 2 || all[1].Memory != 1_000_000 || all[1].Capability != 90 || all[1].SharedPerBlock != 227<<10 {
		t.Errorf("got %+v, %v", all, err)
	}
	if _, err := driver.Open(7); err == nil || !strings.Contains(err.Error(), "no such device") {
		t.Errorf("device 7 gives %v", err)
	}
	free, total, err := t.c.Memory()
	if err != nil || total != 1_000_000 || free > total {
		t.Errorf("memory %d of %d, %v", free, total, err)
	}
}
