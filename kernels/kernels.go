// Package kernels says what an operation is and what a device is.
//
// A Spec describes an operation: its shape rule and a plain float64 reference
// that defines the correct result. A Device turns a Spec and the operands it is
// applied to into a Launch, a function that computes the operation on buffers
// of that device. Nothing here knows of graphs or of gradients: package graph
// builds expressions of Specs and compiles them to a list of launches.
//
// # Conventions
//
// Arrays are dense and row-major. Images are NHWC: N images, H rows, W columns,
// C channels. Filters are HWIO: kernel rows, kernel columns, input channels,
// output channels. Float32 is the working type; indices are Int32 and stored
// images Uint8. Float64 runs through the references, for checks.
//
// # Adding an operation
//
// Write its Spec here, its kernel in package cpu (and one line in the switch of
// its device.go), its gradient in graph/rules.go and its cases in package
// kernelstest. A test of package kernelstest finds every Spec in this package
// and names what is missing.
package kernels

import (
	"errors"
	"fmt"
	"strings"
)

// ErrUnsupported is wrapped by the error with which a Device refuses a Spec or
// an operand type that it has no kernel for.
var ErrUnsupported = errors.New("unsupported")

// A Spec is an operation together with its options: a plain comparable struct,
// such as Conv2D{Stride: [2]int{2, 2}, Pad: Same}.
type Spec interface {
	// Name returns the operation's name in lower case, "conv2d". It starts
	// every error about the operation.
	Name() string
	// Infer returns the shape of the result, or an error that names what is
	// wrong with the operands. It is the only shape rule of the operation.
	Infer(in ...Shape) (Shape, error)
	// Ref computes the operation in float64. The shapes fit Infer, and out
	// holds arbitrary values.
	Ref(out Array, in ...Array)
}

// A Typed Spec has operands of several element types. Every other Spec takes
// operands of one floating-point type and returns that type.
type Typed interface {
	// InferType returns the element type of the result.
	InferType(in ...DType) (DType, error)
}

// A Counted Spec knows how many floating-point operations it does, a
// multiply-add counting as two.
type Counted interface {
	Flops(out Shape, in ...Shape) int64
}

// An Array is a dense row-major array as references see it: every element
// widened to float64, which holds float32, int32 and uint8 exactly.
type Array struct {
	Shape Shape
	Data  []float64
}

// NewArray returns an array of zeros.
func NewArray(s Shape) Array { return Array{s, make([]float64, s.Size())} }

// An Operand is the type and shape of one array.
type Operand struct {
	DType DType
	Shape Shape
}

// Bytes returns the size of the operand in memory.
func (o Operand) Bytes() int { return o.Shape.Size() * o.DType.Size() }

// String returns a form such as "float32[128 28 28 1]".
func (o Operand) String() string { return o.DType.String() + o.Shape.String() }

// Infer returns the type and shape of the result of s applied to in.
func Infer(s Spec, in ...Operand) (Operand, error) {
	shapes := make([]Shape, len(in))
	types := make([]DType, len(in))
	for i, o := range in {
		if len(o.Shape) > MaxRank {
			return Operand{}, fmt.Errorf("%s: operand %d %v has %d axes, at most %d are supported", s.Name(), i, o.Shape, len(o.Shape), MaxRank)
		}
		shapes[i], types[i] = o.Shape, o.DType
	}
	shape, err := s.Infer(shapes...)
	if err != nil {
		return Operand{}, err
	}
	if t, ok := s.(Typed); ok {
		dt, err := t.InferType(types...)
		return Operand{dt, shape}, err
	}
	if len(in) == 0 {
		return Operand{}, fmt.Errorf("%s: wants at least one operand", s.Name())
	}
	for i, t := range types {
		if t != types[0] || !t.Float() {
			return Operand{}, fmt.Errorf("%s: operand %d is %v, want all operands of one floating-point type (operand 0 is %v)", s.Name(), i, t, types[0])
		}
	}
	return Operand{types[0], shape}, nil
}

// A Device runs kernels on buffers of its own memory. Its methods are called
// from one goroutine at a time.
type Device interface {
	// Name returns the device's name as it is asked for: "cpu", "cuda:0".
	Name() string
	// Alloc returns a buffer of the given number of bytes, all zero.
	Alloc(bytes int) (Buffer, error)
	// Upload copies host memory to the start of a buffer.
	Upload(to Buffer, from []byte) error
	// Download copies the start of a buffer to host memory, when all launches
	// so far are done.
	Download(to []byte, from Buffer) error
	// Prepare returns the launch that computes s on operands of these types
	// and shapes, or an error that wraps ErrUnsupported.
	Prepare(s Spec, out Operand, in ...Operand) (Launch, error)
	// Sync waits for all launches and returns the first asynchronous failure.
	Sync() error
	// Close frees every buffer of the device.
	Close() error
}

// A Buffer is a piece of a device's memory.
type Buffer interface {
	// Len returns the size in bytes.
	Len() int
	// View returns a part of the buffer that shares its memory.
	View(offset, bytes int) Buffer
}

// A Launch computes one operation on operands of fixed shapes.
type Launch struct {
	// Workspace is how many bytes of scratch memory Run wants in work.
	Workspace int
	// InPlace has bit i set when out may be the very buffer of operand i.
	InPlace uint32
	// Run computes the operation. It cannot fail, as Prepare checked all that
	// can be checked; a device that fails later reports it from Sync. Run
	// allocates nothing and is not called concurrently with itself.
	Run func(out Buffer, in []Buffer, work Buffer)
	// Setup and Serial compute the same as Run on the calling thread alone,
	// inside the work of a Threaded device's Parallel; thread is what that
	// work was given. Setup prepares in work what depends on operands other
	// than the batch, such as packed filters; Serial may follow any number of
	// times, with other parts of a batch. Calls of different threads, with
	// work of their own, may run at once. Nil on other devices.
	Setup, Serial func(thread int, out Buffer, in []Buffer, work Buffer)
	// SerialAdd is Serial, but adds the result to what out holds. Nil where a
	// kernel cannot do that on the way.
	SerialAdd func(thread int, out Buffer, in []Buffer, work Buffer)
}

// A Threaded device computes on threads of the host.
type Threaded interface {
	Device
	// Threads returns how many there are.
	Threads() int
	// Parallel calls work for every task below tasks, in any order and on any
	// thread, and returns when all are done.
	Parallel(tasks int, work func(task, thread int))
}

// A Recorder is a device that can keep a sequence of launches and run it as one.
// It works on while the host does: launches, uploads and copies are done in
// order, but later than they are asked for.
type Recorder interface {
	Device
	// Copy copies a buffer to the start of another. Sync reports its failure.
	Copy(to, from Buffer)
	// Record calls work, whose launches are kept and not run, and returns what
	// runs them: as often as wanted, on the same buffers. Work must neither
	// copy nor allocate.
	Record(work func()) (replay func(), err error)
}

// A Bounded device has memory of its own, which a program may not fit into.
type Bounded interface {
	Device
	// Free returns how many bytes Alloc can still return.
	Free() (int64, error)
}

// DType is the type of an array's elements.
type DType uint8

// The element types.
const (
	Float32 DType = iota
	Float64
	Int32
	Uint8
)

var dtypes = [...]struct {
	name string
	size int
}{{"float32", 4}, {"float64", 8}, {"int32", 4}, {"uint8", 1}}

// Size returns the bytes of one element.
func (t DType) Size() int { return dtypes[t].size }

// String returns the type's Go name.
func (t DType) String() string { return dtypes[t].name }

// Float reports whether t is a floating-point type.
func (t DType) Float() bool { return t == Float32 || t == Float64 }

// MaxRank is the largest number of axes of an array.
const MaxRank = 6

// A Shape is the number of elements along each axis, outermost first. The
// shape of a scalar is empty.
type Shape []int

// Size returns the number of elements.
func (s Shape) Size() int {
	n := 1
	for _, d := range s {
		n *= d
	}
	return n
}

// Equal reports whether both shapes have the same axes.
func (s Shape) Equal(t Shape) bool {
	if len(s) != len(t) {
		return false
	}
	for i := range s {
		if s[i] != t[i] {
			return false
		}
	}
	return true
}

// Clone returns a copy of the shape.
func (s Shape) Clone() Shape { return append(Shape{}, s...) }

// Strides returns how many elements apart neighbours along each axis are.
func (s Shape) Strides() []int {
	strides := make([]int, len(s))
	for i, step := len(s)-1, 1; i >= 0; i-- {
		strides[i] = step
		step *= s[i]
	}
	return strides
}

// String returns a form such as "[128 28 28 1]".
func (s Shape) String() string {
	var b strings.Builder
	b.WriteByte('[')
	for i, d := range s {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprint(&b, d)
	}
	b.WriteByte(']')
	return b.String()
}

// Dims is a Shape inside a Spec, which must be comparable.
type Dims struct {
	rank int8
	dim  [MaxRank]int
}

// DimsOf returns the Dims of a shape of at most MaxRank axes. Operations refuse
// one of more, of which Shape returns but the first.
func DimsOf(s ...int) Dims {
	var d Dims
	d.rank = int8(min(len(s), MaxRank+1))
	copy(d.dim[:], s)
	return d
}

// Shape returns the shape that d holds.
func (d Dims) Shape() Shape { return append(Shape{}, d.dim[:min(d.rank, MaxRank)]...) }

// check returns an error if d was made of more than MaxRank axes.
func (d Dims) check(s Spec) error {
	if d.rank > MaxRank {
		return fmt.Errorf("%s: more than %d axes, which is the most supported", s.Name(), MaxRank)
	}
	return nil
}

// String returns the form of Shape.String.
func (d Dims) String() string { return d.Shape().String() }

// Axes is a set of axes: bit i stands for axis i.
type Axes uint8

// AxesOf returns the set of the given axes.
func AxesOf(axes ...int) Axes {
	var a Axes
	for _, i := range axes {
		a |= 1 << i
	}
	return a
}

// AllAxes returns the set of all axes of an array of the given rank.
func AllAxes(rank int) Axes { return 1<<rank - 1 }

// Has reports whether axis i is in the set.
func (a Axes) Has(i int) bool { return a>>i&1 == 1 }

// String returns a form such as "{0 1 2}".
func (a Axes) String() string {
	var in []string
	for i := 0; i < 8; i++ {
		if a.Has(i) {
			in = append(in, fmt.Sprint(i))
		}
	}
	return "{" + strings.Join(in, " ") + "}"
}

// arity returns an error unless the operation got the number of operands it
// wants.
func arity(s Spec, want int, in []Shape) error {
	if len(in) != want {
		return fmt.Errorf("%s: wants %d operands, got %d", s.Name(), want, len(in))
	}
	return nil
}
