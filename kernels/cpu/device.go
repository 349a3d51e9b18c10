// Package cpu computes kernels on the host's processors.
package cpu

import (
	"fmt"
	"runtime"
	"unsafe"

	"hourglass/kernels"
)

// Options configures a device. The zero value is the usual device.
type Options struct {
	// Threads is the number of goroutines that compute, the caller of Run
	// included; 0 means GOMAXPROCS. Results do not depend on it.
	Threads int
	// Precision is what convolutions and matrix products multiply; see
	// [Precision].
	Precision Precision
	// Memory is how many bytes the host has, of which no buffer may be larger:
	// asking for it would end the process. 0 means not known.
	Memory int64
	// Allocate returns zeroed memory of n bytes and what frees it, for tests
	// that fence buffers; nil means the Go heap.
	Allocate func(n int) (mem []byte, free func(), err error)
}

// Device is the host's processor. It implements kernels.Device.
type Device struct {
	pool      *pool
	precision Precision
	memory    int64
	alloc     func(n int) ([]byte, func(), error)
	frees     []func()
}

// New returns a device with its workers started.
func New(o Options) (*Device, error) {
	if o.Threads < 0 {
		return nil, fmt.Errorf("cpu: threads %d, want 0 (all processors) or more", o.Threads)
	}
	if o.Precision > BF16 {
		return nil, fmt.Errorf("cpu: %v, want %v or %v", o.Precision, Float32, BF16)
	}
	if o.Threads == 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	if o.Allocate == nil {
		o.Allocate = onHeap
	}
	return &Device{pool: newPool(o.Threads), precision: o.Precision, memory: o.Memory, alloc: o.Allocate}, nil
}

// Name returns "cpu".
func (d *Device) Name() string { return "cpu" }

// Threads returns the number of goroutines that compute.
func (d *Device) Threads() int { return d.pool.threads() }

// Precision returns what the options asked for.
func (d *Device) Precision() Precision { return d.precision }

// Parallel calls work for every task, on all threads.
func (d *Device) Parallel(tasks int, work func(task, thread int)) { d.pool.do(tasks, work) }

// Alloc returns a buffer of zeros, aligned to a cache line.
func (d *Device) Alloc(bytes int) (kernels.Buffer, error) {
	if d.memory > 0 && int64(bytes) > d.memory {
		const gib = 1 << 30
		return nil, fmt.Errorf("cpu: the program takes %.1f GiB of memory, this machine has %.1f GiB: want a smaller batch or model",
			float64(bytes)/gib, float64(d.memory)/gib)
	}
	mem, free, err := d.alloc(bytes)
	if err != nil {
		return nil, fmt.Errorf("cpu: allocating %d bytes: %w", bytes, err)
	}
	d.frees = append(d.frees, free)
	return newMemory(mem), nil
}

// onHeap allocates at a multiple of 64 bytes.
func onHeap(n int) ([]byte, func(), error) {
	const line = 64
	mem := make([]byte, n+line)
	skip := int(-uintptr(unsafe.Pointer(&mem[0])) % line)
	return mem[skip : skip+n : skip+n], func() {}, nil
}

// Upload copies from into the start of to.
func (d *Device) Upload(to kernels.Buffer, from []byte) error {
	if to.Len() < len(from) {
		return fmt.Errorf("cpu: upload of %d bytes into a buffer of %d", len(from), to.Len())
	}
	copy(to.(*memory).bytes, from)
	return nil
}

// Download copies the start of from into to.
func (d *Device) Download(to []byte, from kernels.Buffer) error {
	if from.Len() < len(to) {
		return fmt.Errorf("cpu: download of %d bytes from a buffer of %d", len(to), from.Len())
	}
	copy(to, from.(*memory).bytes)
	return nil
}

// Sync returns at once: Run returns when the work is done.
func (d *Device) Sync() error { return nil }

// Close stops the workers and frees the buffers.
func (d *Device) Close() error {
	d.pool.close()
	for _, free := range d.frees {
		free()
	}
	d.frees = nil
	return nil
}

// Prepare returns the launch for s. An operation on float64 runs through its
// reference: the device computes in float32, and float64 graphs are checks.
func (d *Device) Prepare(s kernels.Spec, out kernels.Operand, in ...kernels.Operand) (kernels.Launch, error) {
	for _, o := range append([]kernels.Operand{out}, in...) {
		if o.DType == kernels.Float64 {
			return reference(s, out, in), nil
		}
	}
	k, err := plan(s, out, in, d.precision)
	if err != nil {
		return kernels.Launch{}, err
	}
	return d.pool.launch(k), nil
}

// plan returns the kernel for s. This switch is the table of contents of the
// package.
func plan(s kernels.Spec, out kernels.Operand, in []kernels.Operand, p Precision) (kernel, error) {
	switch s := s.(type) {
	case kernels.Optimizer:
		return optimizer(s, out), nil
	case kernels.ClipByGlobalNorm:
		return clipByGlobalNorm(s, out), nil
	case kernels.EMA:
		return ema(s, out), nil
	case kernels.RunningStats:
		return runningStats(s, out), nil
	case kernels.Gather:
		return gather(s, out, in), nil
	case kernels.Scatter:
		return scatter(out), nil
	case kernels.MaxPool2D:
		return maxPool(s, in)
	case kernels.MaxPool2DGrad:
		return maxPoolGrad(s, in)
	case kernels.MaxPool2DSelect:
		return maxPoolSelect(s, in)
	case kernels.AvgPool2D:
		return avgPool(s, in)
	case kernels.AvgPool2DGrad:
		return avgPoolGrad(s, in)
	case kernels.Upsample2D:
		return upsample(s, out, in), nil
	case kernels.Upsample2DGrad:
		return upsampleGrad(s, out, in), nil
	case kernels.Noise:
		return noise(s, out), nil
	case kernels.Conv2D:
		return conv2D(s, in, p)
	case kernels.Conv2DInputGrad:
		return conv2DInputGrad(s, in, p)
	case kernels.Conv2DFilterGrad:
		return conv2DFilterGrad(s, in, p)
	case kernels.MatMul:
		return matMul(s, in, p)
	case kernels.Elementwise:
		return elementwise(s.Code(), out, in), nil
	case kernels.Sum:
		return planReduce(s, s.Axes, in[0]), nil
	case kernels.SumProduct:
		return planReduce(s, s.Axes, in[0]), nil
	case kernels.Mean:
		return planReduce(s, s.Axes, in[0]), nil
	case kernels.Moments:
		return planReduce(s, s.Axes, in[0]), nil
	case kernels.LogSumExp:
		return logSumExp(s, in[0]), nil
	case kernels.OneHotMax:
		return oneHotMax(out), nil
	case kernels.Cast:
		return cast(out, in[0]), nil
	case kernels.Reshape:
		return reshape(out), nil
	case kernels.Transpose:
		return transpose(s.Perm.Shape(), out, in[0]), nil
	case kernels.Concat:
		return concat(s.Axis, out, in), nil
	case kernels.Slice:
		return slice(s, out, in[0]), nil
	case kernels.Pad:
		return pad(s, out, in[0]), nil
	case kernels.Broadcast:
		return elementwise(kernels.CodeOf(1, kernels.Instr{Fn: kernels.Copy}), out, in), nil
	}
	return kernel{}, fmt.Errorf("cpu: %s (%T): %w", s.Name(), s, kernels.ErrUnsupported)
}
