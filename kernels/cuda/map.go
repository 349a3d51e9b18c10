package cuda

import "hourglass/kernels"

// How an operand of an element-wise operation is read.
const (
	same     = iota // as the result
	one             // its only element for all
	repeated        // all its elements, again and again
	strided         // axis by axis
)

// mapOperand is MapOperand of map.cu.
type mapOperand struct {
	x       uint64
	reading int64
	period  int64
	strides [kernels.MaxRank]int64
}

// mapInstr is MapInstr of map.cu.
type mapInstr struct {
	fn, x, y int64
	a        float64
}

// mapArgs is MapArgs of map.cu.
type mapArgs struct {
	out                    uint64
	n, operands, len, rank int64
	dims                   [kernels.MaxRank]int64
	in                     [kernels.MaxOperands]mapOperand
	code                   [kernels.MaxInstrs]mapInstr
}

// mapThreads is the threads of a block, mapElements the elements of a thread.
const (
	mapThreads  = 256
	mapElements = 4
)

// elementwise returns the launch of a code.
func (d *Device) elementwise(code kernels.Code, out kernels.Operand, in []kernels.Operand) (kernels.Launch, error) {
	if err := d.onlyFloat32(out, in); err != nil {
		return kernels.Launch{}, err
	}
	a := &mapArgs{n: int64(out.Shape.Size()), operands: int64(code.Operands), len: int64(code.Len)}
	for i, c := range code.Instrs[:code.Len] {
		a.code[i] = mapInstr{fn: int64(c.Fn), x: int64(c.X), y: int64(c.Y), a: c.A}
	}
	strides := make([][]int, len(in))
	for i, o := range in {
		strides[i] = kernels.BroadcastStrides(o.Shape, out.Shape)
	}
	dims := mergeAxes(out.Shape, strides)
	a.rank = int64(len(dims))
	for i, n := range dims {
		a.dims[i] = int64(n)
	}
	for i := range in {
		a.in[i] = readingOf(dims, strides[i])
	}
	name := "map_chain"
	if code.Len == 1 {
		name = "map_one"
	}
	k, err := d.kernel(name, size{grid: grid(ceil(int(a.n), mapElements), mapThreads), block: threads(mapThreads)})
	if err != nil {
		return kernels.Launch{}, err
	}
	var inPlace uint32
	for i, o := range in {
		if o.Shape.Equal(out.Shape) {
			inPlace |= 1 << i
		}
	}
	return kernels.Launch{InPlace: inPlace, Run: func(out kernels.Buffer, in []kernels.Buffer, _ kernels.Buffer) {
		a.out = addr(out)
		for i := range in {
			a.in[i].x = addr(in[i])
		}
		k.run(slots(a)...)
	}}, nil
}

// readingOf tells how an operand with these strides is read.
func readingOf(dims, strides []int) mapOperand {
	o := mapOperand{reading: strided}
	for i, s := range strides {
		o.strides[i] = int64(s)
	}
	// Behind how many axes that repeat do those begin that follow each other?
	first := 0
	for first < len(strides) && strides[first] == 0 {
		first++
	}
	period, dense := 1, true
	for i := len(dims) - 1; i >= first; i-- {
		dense = dense && strides[i] == period
		period *= dims[i]
	}
	switch {
	case !dense:
	case first == len(dims):
		o.reading = one
	case first == 0:
		o.reading = same
	default:
		o.reading, o.period = repeated, int64(period)
	}
	return o
}

// mergeAxes drops axes of one element and makes one of neighbouring axes that
// every operand goes through as one. It returns the remaining dimensions, and
// changes the strides to theirs. There is one axis at least.
func mergeAxes(shape kernels.Shape, strides [][]int) []int {
	var dims []int
	kept := make([][]int, len(strides))
	for axis, n := range shape {
		if n == 1 {
			continue
		}
		merges := len(dims) > 0
		for i := range strides {
			last := len(kept[i]) - 1
			merges = merges && kept[i][last] == strides[i][axis]*n
		}
		if merges {
			dims[len(dims)-1] *= n
		} else {
			dims = append(dims, n)
		}
		for i := range strides {
			if merges {
				kept[i][len(kept[i])-1] = strides[i][axis]
			} else {
				kept[i] = append(kept[i], strides[i][axis])
			}
		}
	}
	if len(dims) == 0 {
		dims = []int{1}
		for i := range kept {
			kept[i] = []int{0}
		}
	}
	copy(strides, kept)
	return dims
}

// onlyFloat32 returns an error unless all operands are float32.
func (d *Device) onlyFloat32(out kernels.Operand, in []kernels.Operand) error {
	for _, o := range append([]kernels.Operand{out}, in...) {
		if o.DType != kernels.Float32 {
			return d.unsupported(o)
		}
	}
	return nil
}
