//go:build !gpu

package driver

// Built reports whether the binary has the driver's binding.
const Built = false

// Load returns ErrNotBuilt.
func Load(string) error { return ErrNotBuilt }

// Version returns ErrNotBuilt.
func Version() (int, error) { return 0, ErrNotBuilt }

// Devices returns ErrNotBuilt.
func Devices() ([]Info, error) { return nil, ErrNotBuilt }

// Open returns ErrNotBuilt.
func Open(int) (*Context, error) { return nil, ErrNotBuilt }

// Context is a device in use. There is none in this build, so its methods are
// never called.
type Context struct{}

// Module is a loaded module.
type Module struct{}

// Function is a kernel of a module.
type Function struct{}

// Graph is recorded work.
type Graph struct{}

// Event is a place in the order of a device's work.
type Event struct{}

// The methods of the other build.

func (*Context) Close() error                                    { return ErrNotBuilt }
func (*Context) Alloc(int) (Ptr, error)                          { return 0, ErrNotBuilt }
func (*Context) Free(Ptr) error                                  { return ErrNotBuilt }
func (*Context) Memory() (free, total int64, err error)          { return 0, 0, ErrNotBuilt }
func (*Context) AllocHost(int) ([]byte, error)                   { return nil, ErrNotBuilt }
func (*Context) FreeHost([]byte) error                           { return ErrNotBuilt }
func (*Context) Zero(Ptr, int) error                             { return ErrNotBuilt }
func (*Context) CopyIn(Ptr, []byte) error                        { return ErrNotBuilt }
func (*Context) CopyOut([]byte, Ptr) error                       { return ErrNotBuilt }
func (*Context) Copy(to, from Ptr, bytes int) error              { return ErrNotBuilt }
func (*Context) Sync() error                                     { return ErrNotBuilt }
func (*Context) Load(string) (*Module, error)                    { return nil, ErrNotBuilt }
func (*Context) Launch(*Function, *Size, []uint64, bool) error   { return ErrNotBuilt }
func (*Context) BeginCapture() error                             { return ErrNotBuilt }
func (*Context) EndCapture() (*Graph, error)                     { return nil, ErrNotBuilt }
func (*Context) Replay(*Graph) error                             { return ErrNotBuilt }
func (*Context) Record() (*Event, error)                         { return nil, ErrNotBuilt }
func (*Context) Elapsed(from, to *Event) (ms float64, err error) { return 0, ErrNotBuilt }
func (*Module) Function(string) (*Function, error)               { return nil, ErrNotBuilt }
func (*Function) SetShared(int) error                            { return ErrNotBuilt }
func (*Graph) Close() error                                      { return ErrNotBuilt }
func (*Event) Wait() error                                       { return ErrNotBuilt }
func (*Event) Again() error                                      { return ErrNotBuilt }
func (*Event) Close() error                                      { return ErrNotBuilt }
