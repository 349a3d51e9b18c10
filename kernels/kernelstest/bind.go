package kernelstest

import (
	"encoding/binary"
	"fmt"
	"math"

	"hourglass/kernels"
)

// Bound is a case with its launch and its buffers on a device.
type Bound struct {
	Case   Case
	Out    kernels.Operand
	Launch kernels.Launch

	dev  kernels.Device
	out  kernels.Buffer
	in   []kernels.Buffer
	work kernels.Buffer // nil where the launch wants none
}

// Bind prepares a case on a device, with buffers of exactly the bytes it needs.
func Bind(dev kernels.Device, c Case) (*Bound, error) {
	b := &Bound{Case: c, dev: dev}
	var err error
	if b.Out, err = kernels.Infer(c.Spec, c.In...); err != nil {
		return nil, err
	}
	if b.Launch, err = dev.Prepare(c.Spec, b.Out, c.In...); err != nil {
		return nil, err
	}
	for _, o := range c.In {
		buf, err := dev.Alloc(o.Bytes())
		if err != nil {
			return nil, err
		}
		b.in = append(b.in, buf)
	}
	if b.out, err = dev.Alloc(b.Out.Bytes()); err != nil {
		return nil, err
	}
	if b.Launch.Workspace > 0 {
		b.work, err = dev.Alloc(b.Launch.Workspace)
	}
	return b, err
}

// Feed uploads the operands.
func (b *Bound) Feed(in []kernels.Array) error {
	for i, a := range in {
		if err := b.dev.Upload(b.in[i], Encode(b.Case.In[i].DType, a.Data)); err != nil {
			return err
		}
	}
	return nil
}

// Run launches the operation.
func (b *Bound) Run() { b.Launch.Run(b.out, b.in, b.work) }

// Result waits for the launch and returns the bytes of its result.
func (b *Bound) Result() ([]byte, error) { return b.read(b.out, b.Out.Bytes()) }

func (b *Bound) read(from kernels.Buffer, n int) ([]byte, error) {
	if err := b.dev.Sync(); err != nil {
		return nil, err
	}
	mem := make([]byte, n)
	return mem, b.dev.Download(mem, from)
}

// Encode returns the values as an array of type t lies in memory, rounded to
// it.
func Encode(t kernels.DType, values []float64) []byte {
	mem := make([]byte, 0, len(values)*t.Size())
	order := binary.NativeEndian
	for _, v := range values {
		switch t {
		case kernels.Float32:
			mem = order.AppendUint32(mem, math.Float32bits(float32(v)))
		case kernels.Float64:
			mem = order.AppendUint64(mem, math.Float64bits(v))
		case kernels.Int32:
			mem = order.AppendUint32(mem, uint32(int32(v)))
		case kernels.Uint8:
			mem = append(mem, uint8(v))
		default:
			panic(fmt.Sprintf("kernelstest: no encoding for type %d", t))
		}
	}
	return mem
}

// Decode returns the elements of an array of type t.
func Decode(t kernels.DType, mem []byte) []float64 {
	order := binary.NativeEndian
	values := make([]float64, len(mem)/t.Size())
	for i := range values {
		switch at := mem[i*t.Size():]; t {
		case kernels.Float32:
			values[i] = float64(math.Float32frombits(order.Uint32(at)))
		case kernels.Float64:
			values[i] = math.Float64frombits(order.Uint64(at))
		case kernels.Int32:
			values[i] = float64(int32(order.Uint32(at)))
		case kernels.Uint8:
			values[i] = float64(at[0])
		default:
			panic(fmt.Sprintf("kernelstest: no decoding for type %d", t))
		}
	}
	return values
}
