package kernelstest

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"testing"

	"hourglass/kernels"
)

// Run holds a device to every case.
func Run(t *testing.T, dev kernels.Device) {
	for _, c := range Cases() {
		t.Run(c.String(), func(t *testing.T) {
			if err := Check(dev, c); err != nil {
				t.Error(err)
			}
		})
	}
}

// Check holds a device to one case: the result fits the reference, also with
// operands that are not finite; every element is written and nothing else; and
// the bits are the same at a second run, in place where the launch says it can
// be, and where two operands are one buffer.
func Check(dev kernels.Device, c Case) error {
	b, err := Bind(dev, c)
	if err != nil {
		return err
	}
	in := b.round(c.Inputs(1))
	want, err := b.reference(in)
	if err != nil {
		return err
	}
	bits, err := b.once(in, 0xFF)
	if err != nil {
		return err
	}
	if err := b.judge(bits, want); err != nil {
		return err
	}
	for _, check := range []func(in []kernels.Array, bits []byte) error{
		b.again, b.fenced, b.inPlace, b.shared,
	} {
		if err := check(in, bits); err != nil {
			return err
		}
	}
	return b.special(in)
}

// round returns the values as the operands' types hold them.
func (b *Bound) round(in []kernels.Array) []kernels.Array {
	for i, o := range b.Case.In {
		in[i].Data = Decode(o.DType, Encode(o.DType, in[i].Data))
	}
	return in
}

// reference returns the result as it should be.
func (b *Bound) reference(in []kernels.Array) ([]float64, error) {
	out := kernels.NewArray(b.Out.Shape)
	for i := range out.Data {
		out.Data[i] = math.NaN()
	}
	args := make([]kernels.Array, len(in))
	for i, a := range in {
		args[i] = kernels.Array{Shape: a.Shape.Clone(), Data: slices.Clone(a.Data)}
	}
	b.Case.Spec.Ref(out, args...)
	for i, a := range in {
		if !slices.EqualFunc(args[i].Data, a.Data, same) {
			return nil, fmt.Errorf("the reference changed operand %d", i)
		}
	}
	return out.Data, nil
}

// once feeds the operands, fills the result and the workspace with a byte, runs
// and returns the result. The operands must be as before.
func (b *Bound) once(in []kernels.Array, fill byte) ([]byte, error) {
	if err := b.Feed(in); err != nil {
		return nil, err
	}
	for _, buf := range []kernels.Buffer{b.out, b.work} {
		if buf != nil {
			if err := b.dev.Upload(buf, bytes.Repeat([]byte{fill}, buf.Len())); err != nil {
				return nil, err
			}
		}
	}
	b.Run()
	for i, o := range b.Case.In {
		got, err := b.read(b.in[i], o.Bytes())
		if err != nil {
			return nil, err
		}
		if b.in[i] != b.out && !bytes.Equal(got, Encode(o.DType, in[i].Data)) {
			return nil, fmt.Errorf("the launch changed operand %d", i)
		}
	}
	return b.Result()
}

// again runs on other remains in the result and the workspace.
func (b *Bound) again(in []kernels.Array, bits []byte) error {
	got, err := b.once(in, 0x3E)
	if err != nil {
		return err
	}
	return b.equal("a second run", got, bits)
}

// margin is the number of bytes round a buffer in which nothing may change: a
// multiple of any alignment that devices want.
const margin = 256

// fenced runs on result and workspace inside larger buffers, for devices whose
// memory has no guard pages.
func (b *Bound) fenced(in []kernels.Array, bits []byte) error {
	var around []kernels.Buffer
	for _, buf := range []*kernels.Buffer{&b.out, &b.work} {
		if *buf == nil {
			continue
		}
		own := *buf
		defer func() { *buf = own }()
		wide, err := b.dev.Alloc(own.Len() + 2*margin)
		if err != nil {
			return err
		}
		if err := b.dev.Upload(wide, bytes.Repeat([]byte{0xA5}, wide.Len())); err != nil {
			return err
		}
		*buf = wide.View(margin, own.Len())
		around = append(around, wide)
	}
	got, err := b.once(in, 0xFF)
	if err != nil {
		return err
	}
	if err := b.equal("a run on parts of larger buffers", got, bits); err != nil {
		return err
	}
	for i, wide := range around {
		mem, err := b.read(wide, wide.Len())
		if err != nil {
			return err
		}
		edges := append(mem[:margin:margin], mem[len(mem)-margin:]...)
		if !bytes.Equal(edges, bytes.Repeat([]byte{0xA5}, 2*margin)) {
			return fmt.Errorf("the launch wrote outside its %s", [...]string{"result", "workspace"}[i])
		}
	}
	return nil
}

// inPlace runs with the result in the buffer of each operand that the launch
// allows.
func (b *Bound) inPlace(in []kernels.Array, bits []byte) error {
	own := b.out
	defer func() { b.out = own }()
	for i, o := range b.Case.In {
		if b.Launch.InPlace>>i&1 == 0 {
			continue
		}
		if o.Bytes() != b.Out.Bytes() {
			return fmt.Errorf("the launch allows the result %v in place of operand %d, which is %v", b.Out, i, o)
		}
		if err := b.Feed(in); err != nil {
			return err
		}
		b.out = b.in[i]
		b.Run()
		got, err := b.Result()
		if err != nil {
			return err
		}
		if err := b.equal(fmt.Sprintf("a run in place of operand %d", i), got, bits); err != nil {
			return err
		}
	}
	if extra := b.Launch.InPlace >> len(b.Case.In); extra != 0 {
		return fmt.Errorf("the launch allows the result in place of an operand beyond its %d", len(b.Case.In))
	}
	return nil
}

// shared runs with one buffer as two operands of one type and shape.
func (b *Bound) shared(in []kernels.Array, _ []byte) error {
	for j, o := range b.Case.In {
		for i, p := range b.Case.In[:j] {
			if !o.DType.Float() || o.DType != p.DType || !o.Shape.Equal(p.Shape) {
				continue
			}
			twice := slices.Clone(in)
			twice[j] = in[i]
			want, err := b.once(twice, 0xFF)
			if err != nil {
				return err
			}
			own := b.in[j]
			b.in[j] = b.in[i]
			got, err := b.once(twice, 0xFF)
			b.in[j] = own
			if err != nil {
				return err
			}
			if err := b.equal(fmt.Sprintf("a run with one buffer as operands %d and %d", i, j), got, want); err != nil {
				return err
			}
		}
	}
	return nil
}

// specialLimit bounds the elements of the operands that special tries: enough
// for every path of a kernel, and references are slow.
const specialLimit = 1 << 17

// A Padder is a device whose convolutions may multiply by the zeros of the
// padding, which references leave out: a weight that is not finite then gives
// NaN where it meets them.
type Padder interface {
	MultipliesPadding() bool
}

// special runs with NaN and the infinities in each operand in turn.
func (b *Bound) special(in []kernels.Array) error {
	total := 0
	for _, a := range in {
		total += len(a.Data)
	}
	if total > specialLimit {
		return nil
	}
	finite := b.Case.Finite
	if p, ok := b.dev.(Padder); ok && p.MultipliesPadding() {
		finite |= b.Case.Padded
	}
	for i, o := range b.Case.In {
		n := o.Shape.Size()
		if !o.DType.Float() || finite>>i&1 == 1 || n == 0 {
			continue
		}
		for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			bad := slices.Clone(in)
			bad[i] = kernels.Array{Shape: o.Shape, Data: slices.Clone(in[i].Data)}
			bad[i].Data[n/3], bad[i].Data[n-1] = v, v
			want, err := b.reference(bad)
			if err != nil {
				return err
			}
			bits, err := b.once(bad, 0x3E)
			if err != nil {
				return err
			}
			if b.Case.Spreads {
				b.spread(bits, want)
			}
			if err := b.judge(bits, want); err != nil {
				return fmt.Errorf("with elements %d and %d of operand %d %v: %w", n/3, n-1, i, v, err)
			}
		}
	}
	return nil
}

// spread makes elements of the reference NaN where the result is.
func (b *Bound) spread(bits []byte, want []float64) {
	for i, g := range Decode(b.Out.DType, bits) {
		if g != g {
			want[i] = g
		}
	}
}

// equal returns an error unless both results have the same bits.
func (b *Bound) equal(what string, got, want []byte) error {
	size := b.Out.DType.Size()
	for i := range want {
		if got[i] != want[i] {
			e := i / size
			g, w := Decode(b.Out.DType, got)[e], Decode(b.Out.DType, want)[e]
			return fmt.Errorf("%s gives other bits: element %d of %v is %v, was %v", what, e, b.Out, g, w)
		}
	}
	return nil
}

// judge returns an error unless the result is close enough to the reference.
func (b *Bound) judge(bits []byte, want []float64) error {
	tol, scale := b.Case.Tol, b.Case.Scale
	if tol == 0 {
		tol = 1e-5
	}
	if scale == 0 {
		scale = rms(want)
	}
	worst, where := 0.0, -1
	got := Decode(b.Out.DType, bits)
	rounded := Decode(b.Out.DType, Encode(b.Out.DType, want))
	for i, g := range got {
		w := rounded[i]
		if same(g, w) {
			continue
		}
		e := math.Abs(g-w) / (tol * (math.Abs(w) + scale))
		if b.Case.Exact || !b.Out.DType.Float() || !(e < math.Inf(1)) {
			return fmt.Errorf("element %d of %v is %v, want %v", i, b.Out, g, want[i])
		}
		if e > worst {
			worst, where = e, i
		}
	}
	if worst > 1 {
		return fmt.Errorf("element %d of %v is %v, want %v: %.3g times the allowed error %.3g·(|want|+%.3g)",
			where, b.Out, got[where], want[where], worst, tol, scale)
	}
	return nil
}

func same(x, y float64) bool { return x == y || x != x && y != y }

// rms returns the root mean square of the finite values.
func rms(values []float64) float64 {
	sum, n := 0.0, 0
	for _, v := range values {
		if v-v == 0 {
			sum += v * v
			n++
		}
	}
	return math.Sqrt(sum / float64(max(n, 1)))
}
