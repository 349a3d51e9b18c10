//go:build gpu

package cuda

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"hourglass/kernels"
	"hourglass/kernels/cuda/driver"
	"hourglass/kernels/cuda/emulated"
)

// loadEmulated makes the emulated driver the process's.
func loadEmulated(t testing.TB) {
	t.Helper()
	if err := driver.Load(emulated.Driver(t)); err != nil {
		t.Fatal(err)
	}
}

func openEmulated(t testing.TB, o Options) *Device {
	t.Helper()
	loadEmulated(t)
	d, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got the error %v, want %q in it", err, want)
	}
}

func TestCopies(t *testing.T) {
	d := openEmulated(t, Options{})
	for _, n := range []int{0, 1, 100, chunkSize, 3*chunkSize + 5} {
		b, err := d.Alloc(n)
		if err != nil {
			t.Fatal(err)
		}
		got := bytes.Repeat([]byte{7}, n)
		if err := d.Download(got, b); err != nil || !bytes.Equal(got, make([]byte, n)) {
			t.Errorf("%d bytes of new memory are not zero (error %v)", n, err)
		}
		want := make([]byte, n)
		for i := range want {
			want[i] = byte(i + i>>8 + i>>16)
		}
		given := slices.Clone(want)
		if err := d.Upload(b, given); err != nil {
			t.Fatal(err)
		}
		clear(given) // the caller's again
		if err := d.Download(got, b); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes come back changed (error %v)", n, err)
		}
		if n < 64 {
			continue
		}
		part := b.View(16, 32)
		if err := errors.Join(d.Upload(part, want[:8]), d.Download(got[:32], part)); err != nil {
			t.Fatal(err)
		}
		if part.Len() != 32 || !bytes.Equal(got[:8], want[:8]) || !bytes.Equal(got[8:32], want[24:48]) {
			t.Error("a part of a buffer holds something else")
		}
		wantError(t, d.Upload(part, make([]byte, 33)), "cuda:0: upload of 33 bytes into a buffer of 32")
		wantError(t, d.Download(make([]byte, 33), part), "cuda:0: download of 33 bytes from a buffer of 32")
	}
}

func TestDevicesThatCannotBeOpened(t *testing.T) {
	emulated.Only(t)
	loadEmulated(t)
	for _, c := range []struct {
		environment string
		options     Options
		want        string
	}{
		{"devices=2", Options{Index: 2}, "cuda:2: there is no such device; this machine has 2, from cuda:0 on"},
		{"devices=0", Options{}, "cuda: the NVIDIA driver sees no device"},
		{"capability=61", Options{}, "cuda:0: the Emulated device has compute capability 6.1, at least 7.5 is needed"},
		{"capability=75", Options{Precision: BF16}, "cuda:0: the Emulated device has compute capability 7.5, bf16 wants at least 8.0"},
	} {
		t.Setenv("HOURGLASS_EMULATED", c.environment)
		_, err := New(c.options)
		wantError(t, err, c.want)
	}
	t.Setenv("HOURGLASS_EMULATED", "devices=2")
	d, err := New(Options{Index: 1})
	if err != nil {
		t.Fatal(err)
	}
	if d.Name() != "cuda:1" {
		t.Errorf("the second device is called %s", d.Name())
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

func TestFailuresStay(t *testing.T) {
	emulated.Only(t)
	for fail, want := range map[string]string{
		"copy:1": "cuda:0: cuStreamSynchronize: emulated: a copy failed (error 719)",
		"lost:2": "the device was lost",
	} {
		t.Run(fail, func(t *testing.T) {
			d := openEmulated(t, Options{})
			b, err := d.Alloc(64)
			if err != nil {
				t.Fatal(err)
			}
			t.Setenv("HOURGLASS_EMULATED", "fail="+fail)
			err = d.Upload(b, make([]byte, 64))
			if err == nil {
				err = d.Sync()
			}
			wantError(t, err, want)
			t.Setenv("HOURGLASS_EMULATED", "")
			_, allocated := d.Alloc(1)
			_, recorded := d.Record(func() {})
			for what, again := range map[string]error{
				"Sync": d.Sync(), "Upload": d.Upload(b, make([]byte, 1)), "Download": d.Download(make([]byte, 1), b), "Alloc": allocated, "Record": recorded,
			} {
				if again != err {
					t.Errorf("%s after the failure gives %v", what, again)
				}
			}
		})
	}
}

func TestOutOfMemory(t *testing.T) {
	emulated.Only(t)
	loadEmulated(t)
	t.Setenv("HOURGLASS_EMULATED", "memory=3000000")
	d := openEmulated(t, Options{})
	if _, err := d.Alloc(1_000_000); err != nil {
		t.Fatal(err)
	}
	_, err := d.Alloc(2_500_000)
	wantError(t, err, "cuda:0: out of memory: wanted 2.4 MiB, 1.9 MiB of 2.9 MiB are free")
	if _, err := d.Alloc(1_000_000); err != nil {
		t.Errorf("a smaller buffer gives %v", err)
	}
}

type unknown struct{ kernels.Reshape }

func (unknown) Name() string { return "unknown" }

func TestUnsupported(t *testing.T) {
	d := openEmulated(t, Options{})
	o := kernels.Operand{DType: kernels.Float32, Shape: kernels.Shape{2}}
	_, err := d.Prepare(unknown{}, o, o)
	if !errors.Is(err, kernels.ErrUnsupported) {
		t.Errorf("an unknown operation gives %v", err)
	}
	wantError(t, err, "cuda:0: unknown of float32[2] from [float32[2]]: unsupported")
}

// TestLongAxes refuses axes that kernels would count wrongly.
func TestLongAxes(t *testing.T) {
	d := openEmulated(t, Options{})
	const long = mostAlong + 2
	for _, s := range []kernels.Spec{kernels.MaxPool2D{Kernel: [2]int{2, 1}}, kernels.Upsample2D{Scale: [2]int{1, 1}}} {
		in := kernels.Operand{Shape: kernels.Shape{1, long, 1, 1}}
		out, err := kernels.Infer(s, in)
		if err != nil {
			t.Fatal(err)
		}
		_, err = d.Prepare(s, out, in)
		wantError(t, err, "an axis of 536870914 is longer than 2²⁹: unsupported")
		if !errors.Is(err, kernels.ErrUnsupported) {
			t.Errorf("%v is not ErrUnsupported", err)
		}
	}
}

func TestSizes(t *testing.T) {
	for n, want := range map[int64]string{0: "0 bytes", 1023: "1023 bytes", 1 << 10: "1.0 KiB", 3 << 29: "1.5 GiB"} {
		if got := Bytes(n); got != want {
			t.Errorf("%d bytes are written %q, want %q", n, got, want)
		}
	}
}
