//go:build gpu

package driver

// #cgo CFLAGS: -I${SRCDIR}/../include
// #cgo LDFLAGS: -Wl,--as-needed -ldl
// #include "forward.h"
import "C"

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"sync"
	"unsafe"

	"gorgonia.org/cu"
)

// Built reports whether the binary has the driver's binding.
const Built = true

// The driver's library is a process's, not a caller's: it is opened once.
var library struct {
	sync.Mutex
	path string
	err  error
}

// Load opens the driver's library: the one at path or, if that is empty, what
// the environment names or the system has, unless one is open already. The
// error says in a line why there is no driver.
func Load(path string) error {
	library.Lock()
	defer library.Unlock()
	named := os.Getenv(EnvLibrary)
	if path == "" && named == "off" {
		return fmt.Errorf("the driver is switched off by %s=off", EnvLibrary)
	}
	if path == "" && library.path != "" && library.err == nil {
		return nil
	}
	if path == "" {
		path = named
	}
	if path == "" {
		path = "libcuda.so.1"
	}
	switch {
	case library.path == path:
		return library.err
	case library.path != "" && library.err == nil:
		return fmt.Errorf("the driver %s is in use, %s cannot take its place", library.path, path)
	}
	library.path, library.err = path, nil
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	if reason := C.hourglass_load(name); reason != nil {
		library.err = fmt.Errorf("NVIDIA driver: %s", C.GoString(reason))
	}
	return library.err
}

// failed returns the error of a call, or nil if it succeeded.
func failed(call string, code int) error {
	if code == 0 {
		return nil
	}
	e := &Error{Call: call, Code: code, Text: "unknown error"}
	var text *C.char
	if C.cuGetErrorString(C.CUresult(code), &text) == C.CUDA_SUCCESS && text != nil {
		e.Text = C.GoString(text)
	}
	return e
}

func check(call string, code C.CUresult) error { return failed(call, int(code)) }

// wrap returns an error of package cu as one of ours. Without the name of a
// call it is one of ours already.
func wrap(call string, err error) error {
	if err == nil || call == "" {
		return err
	}
	if v := reflect.ValueOf(err); v.Kind() == reflect.Int {
		return failed(call, int(v.Int()))
	}
	return fmt.Errorf("%s: %w", call, err)
}

// Version returns the newest version of CUDA that the driver supports, 12040
// for 12.4.
func Version() (int, error) {
	if err := Load(""); err != nil {
		return 0, err
	}
	return cu.Version(), nil
}

// Devices describes the devices of the machine, in the driver's order.
func Devices() ([]Info, error) {
	if err := Load(""); err != nil {
		return nil, err
	}
	n, err := cu.NumDevices()
	if err != nil {
		return nil, wrap("cuDeviceGetCount", err)
	}
	if n == 0 {
		return nil, errors.New("the NVIDIA driver sees no device")
	}
	all := make([]Info, n)
	for i := range all {
		if all[i], err = describe(i); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func describe(index int) (Info, error) {
	d := cu.Device(index)
	name, err := d.Name()
	if err != nil {
		return Info{}, wrap("cuDeviceGetName", err)
	}
	memory, err := d.TotalMem()
	if err != nil {
		return Info{}, wrap("cuDeviceTotalMem", err)
	}
	a, err := d.Attributes(cu.ComputeCapabilityMajor, cu.ComputeCapabilityMinor, cu.MultiprocessorCount,
		cu.ClockRate, cu.MemoryClockRate, cu.GlobalMemoryBusWidth, cu.L2CacheSize,
		cu.DeviceAttribute(C.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN))
	if err != nil {
		return Info{}, wrap("cuDeviceGetAttribute", err)
	}
	return Info{
		Index: index, Name: name, Capability: 10*a[0] + a[1], Memory: memory, Multiprocessors: a[2],
		Clock: a[3], MemoryClock: a[4], MemoryBus: a[5], L2: a[6], SharedPerBlock: a[7],
	}, nil
}

// Context is a device in use: its primary context and one stream, on which all
// copies and launches run in order.
type Context struct {
	device cu.Device
	ctx    cu.CUContext
	stream cu.Stream
}

// Open makes a device ready.
func Open(index int) (*Context, error) {
	if err := Load(""); err != nil {
		return nil, err
	}
	c := &Context{device: cu.Device(index)}
	var err error
	if c.ctx, err = c.device.RetainPrimaryCtx(); err != nil {
		return nil, wrap("cuDevicePrimaryCtxRetain", err)
	}
	err = c.do("cuStreamCreate", func() (err error) {
		c.stream, err = cu.MakeStream(cu.NonBlocking)
		return err
	})
	if err != nil {
		c.device.ReleasePrimaryCtx()
		return nil, err
	}
	return c, nil
}

// do calls f on a thread to which the context is current.
func (c *Context) do(call string, f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cu.SetCurrentContext(c.ctx); err != nil {
		return wrap("cuCtxSetCurrent", err)
	}
	return wrap(call, f())
}

// Close gives the device back. Its memory and modules are invalid from then on.
func (c *Context) Close() error {
	err := c.do("cuStreamDestroy", c.stream.Destroy)
	return errors.Join(err, wrap("cuDevicePrimaryCtxRelease", c.device.ReleasePrimaryCtx()))
}

// Alloc returns memory of arbitrary contents, at a multiple of 256 bytes.
func (c *Context) Alloc(bytes int) (p Ptr, err error) {
	err = c.do("cuMemAlloc", func() error {
		d, err := cu.MemAlloc(int64(bytes))
		p = Ptr(d)
		return err
	})
	return p, err
}

// Free gives memory back once the work that uses it is done.
func (c *Context) Free(p Ptr) error {
	return c.do("cuMemFree", func() error { return cu.MemFree(cu.DevicePtr(p)) })
}

// Memory returns the bytes that are free, and all.
func (c *Context) Memory() (free, total int64, err error) {
	err = c.do("cuMemGetInfo", func() (err error) {
		free, total, err = cu.MemInfo()
		return err
	})
	return free, total, err
}

// AllocHost returns memory of the host that the device reads and writes itself.
func (c *Context) AllocHost(bytes int) (mem []byte, err error) {
	err = c.do("", func() error {
		var p unsafe.Pointer
		if err := check("cuMemHostAlloc", C.cuMemHostAlloc(&p, C.size_t(bytes), 0)); err != nil {
			return err
		}
		mem = unsafe.Slice((*byte)(p), bytes)
		return nil
	})
	return mem, err
}

// FreeHost gives memory of AllocHost back.
func (c *Context) FreeHost(mem []byte) error {
	return c.do("cuMemFreeHost", func() error { return cu.MemFreeHost(unsafe.Pointer(unsafe.SliceData(mem))) })
}

// Zero clears memory, in the order of launches.
func (c *Context) Zero(p Ptr, bytes int) error {
	return c.do("cuMemsetD8Async", func() error { return cu.MemsetD8Async(cu.DevicePtr(p), 0, int64(bytes), c.stream) })
}

// CopyIn copies from memory of AllocHost, in the order of launches. The memory
// must stay as it is until then. It allocates nothing.
func (c *Context) CopyIn(to Ptr, from []byte) error {
	ctx, stream := c.handles()
	if code := C.hourglass_copy_in(ctx, stream, C.CUdeviceptr(to), unsafe.Pointer(unsafe.SliceData(from)), C.size_t(len(from))); code != C.CUDA_SUCCESS {
		return check("cuMemcpyHtoDAsync", code)
	}
	return nil
}

// CopyOut copies to memory of AllocHost, in the order of launches.
func (c *Context) CopyOut(to []byte, from Ptr) error {
	return c.do("cuMemcpyDtoHAsync", func() error {
		return cu.MemcpyDtoHAsync(unsafe.Pointer(unsafe.SliceData(to)), cu.DevicePtr(from), int64(len(to)), c.stream)
	})
}

// Copy copies within the device, in the order of launches.
func (c *Context) Copy(to, from Ptr, bytes int) error {
	return c.do("cuMemcpyDtoDAsync", func() error {
		return cu.MemcpyDtoDAsync(cu.DevicePtr(to), cu.DevicePtr(from), int64(bytes), c.stream)
	})
}

// Sync waits for all work and returns the first failure of it.
func (c *Context) Sync() error { return c.do("cuStreamSynchronize", c.stream.Synchronize) }

// Module is a loaded module.
type Module struct {
	c *Context
	m cu.Module
}

// Load compiles PTX, or loads a cubin, for the device.
func (c *Context) Load(image string) (*Module, error) {
	m := &Module{c: c}
	err := c.do("cuModuleLoadData", func() (err error) {
		m.m, err = cu.LoadData(image)
		return err
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}

// Function is a kernel of a module.
type Function struct {
	c *Context
	f cu.Function
}

// handle returns what the driver knows the kernel by: cu keeps it to itself,
// as the only field of its type.
func (f *Function) handle() C.CUfunction { return *(*C.CUfunction)(unsafe.Pointer(&f.f)) }

func (c *Context) handles() (C.CUcontext, C.CUstream) {
	return *(*C.CUcontext)(unsafe.Pointer(&c.ctx)), *(*C.CUstream)(unsafe.Pointer(&c.stream))
}

// Function returns a kernel by its name.
func (m *Module) Function(name string) (*Function, error) {
	f := &Function{c: m.c}
	err := m.c.do("cuModuleGetFunction", func() (err error) {
		f.f, err = m.m.Function(name)
		return err
	})
	return f, err
}

// SetShared allows launches with as many bytes of dynamic shared memory.
func (f *Function) SetShared(bytes int) error {
	return f.c.do("", func() error {
		return check("cuFuncSetAttribute", C.cuFuncSetAttribute(f.handle(), C.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, C.int(bytes)))
	})
}

// Launch launches a kernel with parameters of eight bytes each or, if whole,
// with one struct that they make up. It allocates nothing.
func (c *Context) Launch(f *Function, s *Size, params []uint64, whole bool) error {
	size := [7]C.uint{
		C.uint(s.Grid[0]), C.uint(s.Grid[1]), C.uint(s.Grid[2]),
		C.uint(s.Block[0]), C.uint(s.Block[1]), C.uint(s.Block[2]), C.uint(s.Shared),
	}
	ctx, stream := c.handles()
	one := C.int(0)
	if whole {
		one = 1
	}
	code := C.hourglass_launch(ctx, stream, f.handle(), &size[0], (*C.uint64_t)(unsafe.SliceData(params)), C.int(len(params)), one)
	if code == C.CUDA_SUCCESS {
		return nil
	}
	return check("cuLaunchKernel", code)
}

// Graph is recorded work, which Replay runs at the cost of one launch.
type Graph struct {
	c    *Context
	exec C.CUgraphExec
}

// BeginCapture makes the copies and launches up to EndCapture be recorded in
// place of run. Nothing can be allocated or waited for between the two, and
// both are called by one goroutine, which keeps its thread meanwhile.
func (c *Context) BeginCapture() error {
	runtime.LockOSThread()
	_, stream := c.handles()
	err := c.do("", func() error {
		return check("cuStreamBeginCapture", C.cuStreamBeginCapture(stream, C.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL))
	})
	if err != nil {
		runtime.UnlockOSThread()
	}
	return err
}

// EndCapture returns what was recorded.
func (c *Context) EndCapture() (*Graph, error) {
	defer runtime.UnlockOSThread()
	g := &Graph{c: c}
	_, stream := c.handles()
	err := c.do("", func() error {
		var recorded C.CUgraph
		if err := check("cuStreamEndCapture", C.cuStreamEndCapture(stream, &recorded)); err != nil {
			return err
		}
		defer C.cuGraphDestroy(recorded)
		return check("cuGraphInstantiate", C.cuGraphInstantiateWithFlags(&g.exec, recorded, 0))
	})
	if err != nil {
		return nil, err
	}
	return g, nil
}

// Replay runs recorded work, in the order of launches.
func (c *Context) Replay(g *Graph) error {
	ctx, stream := c.handles()
	if code := C.hourglass_replay(ctx, stream, g.exec); code != C.CUDA_SUCCESS {
		return check("cuGraphLaunch", code)
	}
	return nil
}

// Close gives the graph's memory back.
func (g *Graph) Close() error {
	return g.c.do("", func() error { return check("cuGraphExecDestroy", C.cuGraphExecDestroy(g.exec)) })
}

// Event is a place in the order of a device's work.
type Event struct {
	c *Context
	e cu.Event
}

// Record returns an event behind all work so far.
func (c *Context) Record() (*Event, error) {
	e := &Event{c: c}
	err := c.do("cuEventCreate", func() (err error) {
		e.e, err = cu.MakeEvent(cu.DefaultEvent)
		return err
	})
	if err != nil {
		return nil, err
	}
	return e, e.Again()
}

// Again moves the event behind all work so far.
func (e *Event) Again() error {
	return e.c.do("cuEventRecord", func() error { return e.e.Record(e.c.stream) })
}

// Wait returns when the work before the event is done.
func (e *Event) Wait() error { return e.c.do("cuEventSynchronize", e.e.Synchronize) }

// Elapsed returns the milliseconds between two events that were waited for.
func (c *Context) Elapsed(from, to *Event) (ms float64, err error) {
	err = c.do("cuEventElapsedTime", func() (err error) {
		ms, err = from.e.Elapsed(to.e)
		return err
	})
	return ms, err
}

// Close gives the event back.
func (e *Event) Close() error {
	return e.c.do("cuEventDestroy", func() error { return cu.DestroyEvent(&e.e) })
}
