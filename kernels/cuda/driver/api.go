// Package driver is the one place that knows how the CUDA driver is called: it
// goes through gorgonia.org/cu and adds what that lacks. The driver's library
// is opened when Load is called, so that a program which has this package
// starts where there is none. Without the build tag gpu the package is pure Go
// and Load says that CUDA was not built in.
//
// Every call makes the context current on the thread it runs on, so callers
// need not care about threads.
package driver

import (
	"errors"
	"fmt"
)

// EnvLibrary is the environment variable that names the driver's library in
// place of the system's; "off" stands for none.
const EnvLibrary = "HOURGLASS_CUDA_DRIVER"

// ErrNotBuilt is the reason why a binary without the tag gpu has no driver.
var ErrNotBuilt = errors.New("this binary was built without CUDA: make gpu")

// Codes of errors that callers tell apart.
const (
	OutOfMemory = 2
	NoDevice    = 100
)

// An Error is a call that the driver refused, or the failure of earlier work
// that it reported.
type Error struct {
	Call string // "cuMemAlloc"
	Code int    // a CUresult
	Text string // in the driver's words
}

// Error returns a form such as "cuMemAlloc: out of memory (error 2)".
func (e *Error) Error() string { return fmt.Sprintf("%s: %s (error %d)", e.Call, e.Text, e.Code) }

// Ptr is an address in a device's memory.
type Ptr uint64

// Info describes a device.
type Info struct {
	Index           int    `json:"index"`
	Name            string `json:"name"`
	Capability      int    `json:"capability"` // 10·major + minor
	Memory          int64  `json:"memory"`     // bytes
	Multiprocessors int    `json:"multiprocessors"`
	Clock           int    `json:"clock_khz"`
	MemoryClock     int    `json:"memory_clock_khz"`
	MemoryBus       int    `json:"memory_bus_bits"`
	L2              int    `json:"l2_bytes"`
	SharedPerBlock  int    `json:"shared_per_block"` // bytes, with SetShared
}

// A Size is how a kernel is launched: blocks, threads of a block, and bytes of
// dynamic shared memory.
type Size struct {
	Grid, Block [3]int
	Shared      int
}
