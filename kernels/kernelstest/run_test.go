package kernelstest

import (
	"errors"
	"math"
	"strings"
	"testing"

	"hourglass/kernels"
)

// toy is a device on plain memory that computes by the references, with faults
// on demand.
type toy struct {
	workspace int
	inPlace   uint32
	refuse    error
	sync      error
	// spoil is called after each launch with its number, and buffers as bytes.
	spoil func(run int, out []byte, in [][]byte, work []byte)
	runs  int
}

type memory []byte

func (m *memory) Len() int { return len(*m) }

// View keeps the capacity, so that a fault can reach beyond the part.
func (m *memory) View(offset, n int) kernels.Buffer {
	part := (*m)[offset : offset+n]
	return &part
}

func (d *toy) Name() string { return "toy" }

func (d *toy) Alloc(n int) (kernels.Buffer, error) {
	m := memory(make([]byte, n))
	return &m, nil
}

func (d *toy) Upload(to kernels.Buffer, from []byte) error {
	copy(*to.(*memory), from)
	return nil
}

func (d *toy) Download(to []byte, from kernels.Buffer) error {
	copy(to, *from.(*memory))
	return nil
}

func (d *toy) Sync() error  { return d.sync }
func (d *toy) Close() error { return nil }

func (d *toy) Prepare(s kernels.Spec, out kernels.Operand, in ...kernels.Operand) (kernels.Launch, error) {
	run := func(to kernels.Buffer, from []kernels.Buffer, work kernels.Buffer) {
		result := kernels.NewArray(out.Shape)
		args := make([]kernels.Array, len(in))
		mems := make([][]byte, len(in))
		for i, o := range in {
			mems[i] = *from[i].(*memory)
			args[i] = kernels.Array{Shape: o.Shape, Data: Decode(o.DType, mems[i])}
		}
		s.Ref(result, args...)
		copy(*to.(*memory), Encode(out.DType, result.Data))
		var scratch []byte
		if work != nil {
			scratch = *work.(*memory)
		}
		if d.spoil != nil {
			d.spoil(d.runs, *to.(*memory), mems, scratch)
		}
		d.runs++
	}
	return kernels.Launch{Workspace: d.workspace, InPlace: d.inPlace, Run: run}, d.refuse
}

// TestCheckFindsFaults tries a device with one fault at a time.
func TestCheckFindsFaults(t *testing.T) {
	set := func(mem []byte, i int, v float64) { copy(mem[4*i:], Encode(kernels.Float32, []float64{v})) }
	get := func(mem []byte, i int) float64 { return Decode(kernels.Float32, mem[4*i:4*i+4])[0] }
	add := kernels.Binary{Fn: kernels.Add}
	square := Case{Spec: add, In: F32(kernels.Shape{3, 4}, kernels.Shape{3, 4})}
	for name, try := range map[string]struct {
		dev  *toy
		want string // in the error; none if empty
	}{
		"none":      {&toy{workspace: 8, inPlace: 3}, ""},
		"refusal":   {&toy{refuse: kernels.ErrUnsupported}, "unsupported"},
		"late":      {&toy{sync: errors.New("device lost")}, "device lost"},
		"wrong":     {&toy{spoil: func(_ int, out []byte, _ [][]byte, _ []byte) { set(out, 5, get(out, 5)+1e-3) }}, "element 5 of float32[3 4]"},
		"NaN":       {&toy{spoil: func(_ int, out []byte, _ [][]byte, _ []byte) { set(out, 5, math.NaN()) }}, "element 5 of float32[3 4]"},
		"unwritten": {&toy{spoil: func(_ int, out []byte, _ [][]byte, _ []byte) { copy(out[44:], "\x3e\x3e\x3e\x3e") }}, "element 11"},
		"operand":   {&toy{spoil: func(_ int, _ []byte, in [][]byte, _ []byte) { set(in[1], 0, 7) }}, "changed operand 1"},
		"random": {&toy{spoil: func(run int, out []byte, _ [][]byte, _ []byte) { out[0] ^= byte(run & 1) }},
			"a second run gives other bits: element 0"},
		"workspace": {&toy{workspace: 4, spoil: func(_ int, out []byte, _ [][]byte, work []byte) { out[0] ^= work[0] & 1 }},
			"a second run gives other bits"},
		"after result": {&toy{spoil: func(_ int, out []byte, _ [][]byte, _ []byte) {
			if cap(out) > len(out) {
				out[:len(out)+1][len(out)] = 0
			}
		}}, "outside its result"},
		"after workspace": {&toy{workspace: 4, spoil: func(_ int, _ []byte, _ [][]byte, work []byte) {
			if cap(work) > len(work) {
				work[:len(work)+1][len(work)] = 0
			}
		}}, "outside its workspace"},
		"in place": {&toy{inPlace: 2, spoil: func(_ int, out []byte, in [][]byte, _ []byte) {
			if &out[0] == &in[1][0] {
				set(out, 3, 0)
			}
		}}, "a run in place of operand 1 gives other bits: element 3"},
		"in place of none": {&toy{inPlace: 4}, "beyond its 2"},
		"one buffer": {&toy{spoil: func(_ int, out []byte, in [][]byte, _ []byte) {
			if &in[0][0] == &in[1][0] {
				set(out, 3, 0)
			}
		}}, "one buffer as operands 0 and 1"},
		"hides Inf": {&toy{spoil: func(_ int, out []byte, _ [][]byte, _ []byte) {
			if v := get(out, 4); math.IsInf(v, 0) {
				set(out, 4, math.MaxFloat32)
			}
		}}, "elements 4 and 11 of operand 0 +Inf: element 4"},
		"hides NaN": {&toy{spoil: func(_ int, out []byte, _ [][]byte, _ []byte) {
			if v := get(out, 4); v != v {
				set(out, 4, 0)
			}
		}}, "elements 4 and 11 of operand 0 NaN: element 4"},
	} {
		t.Run(name, func(t *testing.T) {
			err := Check(try.dev, square)
			switch {
			case try.want == "" && err != nil:
				t.Errorf("a device without faults: %v", err)
			case try.want != "" && (err == nil || !strings.Contains(err.Error(), try.want)):
				t.Errorf("error %v, want one with %q", err, try.want)
			}
		})
	}
}

// TestCheckInPlaceSize refuses a launch that would write a result over an
// operand of another size.
func TestCheckInPlaceSize(t *testing.T) {
	c := Case{Spec: kernels.Binary{Fn: kernels.Add}, In: F32(kernels.Shape{3, 4}, kernels.Shape{4})}
	err := Check(&toy{inPlace: 2}, c)
	if err == nil || !strings.Contains(err.Error(), "in place of operand 1, which is float32[4]") {
		t.Errorf("error %v, want one about the size of operand 1", err)
	}
}

// TestSmoothInputs holds the fills to what they promise.
func TestSmoothInputs(t *testing.T) {
	c := Case{
		Spec:   kernels.Binary{Fn: kernels.Max},
		In:     F32(kernels.Shape{500}, kernels.Shape{500}),
		Fill:   []Fill{nil, Away(0.05, 0)},
		Smooth: []Fill{Lattice(0.125, 0.0625)},
	}
	in, again := c.SmoothInputs(3), c.SmoothInputs(3)
	for i, x := range in[0].Data {
		y := in[1].Data[i]
		if k := x / 0.125; k == math.Trunc(k) || !(math.Abs(x) <= 3) {
			t.Errorf("element %d of the lattice is %v", i, x)
		}
		if math.Abs(y) < 0.05 {
			t.Errorf("element %d is %v, nearer to 0 than 0.05", i, y)
		}
		if again[0].Data[i] != x || again[1].Data[i] != y {
			t.Errorf("element %d differs when drawn again", i)
		}
	}
	if other := c.SmoothInputs(4); other[1].Data[0] == in[1].Data[0] {
		t.Error("another seed draws the same values")
	}
}
