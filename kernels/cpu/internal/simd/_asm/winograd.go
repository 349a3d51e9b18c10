package main

import (
	"math"

	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// winograd writes the transforms of F(4×4, 3×3). Each applies one map to the
// rows of a tile and then to the columns of what that gives, two results of a
// row at a time: so many fit the registers, with what both take to compute.
func winograd(file *asm) {
	a := &lines{asm: file}
	for _, edge := range []string{"", "Edge"} {
		a.toPlanes("winogradInput"+edge, input, edge != "")
		a.toPlanes("winogradSpread"+edge, spread, edge != "")
	}
	a.toPlanes("winogradFilter", filter, false)
	a.fromPlanes("winogradResult", result, true)
	a.fromPlanes("winogradGradient", gradient, false)
}

// lines is a file with functions that apply maps to lines of vectors.
type lines struct {
	*asm
	kept map[float64]vec // constants in registers
}

// A lineMap is one of the matrices of package simd: a map of so many numbers,
// by passes of one or two results. The results of all passes of a map to planes
// are the six points in order.
type lineMap struct {
	from      int
	constants []float64
	passes    []linePass
}

// linePass computes some results; at returns a number of the line, in memory or
// in a register that the pass leaves as it was.
type linePass struct {
	results []int
	compute func(a *lines, at func(i int) Op) []vec
}

// The points ±√½ and ±√2.
var (
	rootHalf = math.Sqrt(0.5)
	root2    = math.Sqrt(2)
)

var input = lineMap{6, []float64{2.5, 2, 0.5, rootHalf, root2}, []linePass{
	{[]int{0, 1}, func(a *lines, at func(int) Op) []vec {
		return []vec{
			a.less(a.sum(at(0), at(4)), 2.5, at(2)),
			a.less(a.sum(at(1), at(5)), 2.5, at(3)),
		}
	}},
	{[]int{2, 3}, func(a *lines, at func(int) Op) []vec {
		return a.both(a.less(at(4), 2, at(2)), rootHalf, a.less(at(3), 2, at(1)))
	}},
	{[]int{4, 5}, func(a *lines, at func(int) Op) []vec {
		return a.both(a.less(at(4), 0.5, at(2)), root2, a.less(at(3), 0.5, at(1)))
	}},
}}

var spread = lineMap{4, []float64{2, 0.5, rootHalf, root2}, []linePass{
	{[]int{0, 1}, func(a *lines, at func(int) Op) []vec { return []vec{a.value(at(0)), a.value(at(3))} }},
	{[]int{2, 3}, func(a *lines, at func(int) Op) []vec {
		return a.both(a.more(at(0), 0.5, at(2)), rootHalf, a.more(at(1), 0.5, at(3)))
	}},
	{[]int{4, 5}, func(a *lines, at func(int) Op) []vec {
		return a.both(a.more(at(0), 2, at(2)), root2, a.more(at(1), 2, at(3)))
	}},
}}

var result = lineMap{6, []float64{2, 0.5, rootHalf, root2}, []linePass{
	{[]int{0, 2}, func(a *lines, at func(int) Op) []vec {
		x, y := a.sum(at(2), at(3)), a.sum(at(4), at(5))
		return []vec{a.add(a.sum(x, at(0)), y), a.more(a.times(0.5, x), 2, y)}
	}},
	{[]int{1, 3}, func(a *lines, at func(int) Op) []vec {
		x, y := a.times(rootHalf, a.sub(a.value(at(2)), at(3))), a.times(root2, a.sub(a.value(at(4)), at(5)))
		return []vec{a.add(x, y), a.more(a.more(at(1), 2, y), 0.5, x)}
	}},
}}

var filter = lineMap{3, []float64{2, 0.5, -2. / 3, 1. / 6, -2. / 3 * rootHalf, 1. / 6 * root2}, []linePass{
	{[]int{0, 1}, func(a *lines, at func(int) Op) []vec { return []vec{a.value(at(0)), a.value(at(2))} }},
	{[]int{2, 3}, func(a *lines, at func(int) Op) []vec {
		return a.both(a.times(-2./3, a.more(at(0), 0.5, at(2))), -2./3*rootHalf, a.value(at(1)))
	}},
	{[]int{4, 5}, func(a *lines, at func(int) Op) []vec {
		return a.both(a.times(1./6, a.more(at(0), 2, at(2))), 1./6*root2, a.value(at(1)))
	}},
}}

var gradient = lineMap{6, []float64{-2. / 3, 1. / 6, 1. / 3, -2. / 3 * rootHalf, 1. / 6 * root2}, []linePass{
	{[]int{0, 2}, func(a *lines, at func(int) Op) []vec {
		x, y := a.sum(at(2), at(3)), a.sum(at(4), at(5))
		return []vec{
			a.more(a.more(at(0), -2./3, x), 1./6, y),
			a.more(a.less(at(1), 1./3, x), 1./3, y),
		}
	}},
	{[]int{1}, func(a *lines, at func(int) Op) []vec {
		x, y := a.sub(a.value(at(2)), at(3)), a.sub(a.value(at(4)), at(5))
		return []vec{a.more(a.times(-2./3*rootHalf, x), 1./6*root2, y)}
	}},
}}

// keep brings constants into registers, where there are enough.
func (a *lines) keep(constants []float64) {
	a.kept = map[float64]vec{}
	for _, c := range constants {
		if a.lanes == 16 {
			a.kept[c] = a.reg(a.f(c))
		}
	}
}

// constant returns a constant that may be kept.
func (a *lines) constant(c float64) Op {
	if v, ok := a.kept[c]; ok {
		return v
	}
	return a.f(c)
}

// value brings an operand into a register, if it is in none.
func (a *lines) value(x Op) vec {
	if v, ok := x.(vec); ok {
		return v
	}
	return a.reg(x)
}

func (a *lines) sum(x, y Op) vec { return a.add(a.value(x), y) }

func (a *lines) times(c float64, x vec) vec { return a.mul(x, a.constant(c)) }

// more returns x + c·y, less x − c·y.
func (a *lines) more(x Op, c float64, y Op) vec { return a.scaled(a.VFMADD231PS, x, c, y) }
func (a *lines) less(x Op, c float64, y Op) vec { return a.scaled(a.VFNMADD231PS, x, c, y) }

func (a *lines) scaled(instruction func(...Op), x Op, c float64, y Op) vec {
	d, k := a.reg(x), a.constant(c)
	if v, ok := k.(vec); ok {
		instruction(y, v, d)
	} else {
		instruction(k, a.value(y), d)
	}
	return d
}

// both returns x ± c·y.
func (a *lines) both(x vec, c float64, y vec) []vec { return []vec{a.more(x, c, y), a.less(x, c, y)} }

// rowParams are the parameters of a tile's rows, which lie anywhere.
const rowParams = "rows *[6]*float32, step, advance int"

// rowSide is where the rows of the tiles lie: element (i, j) of a tile at
// rows[i] + at + j·step.
type rowSide struct{ rows, step, advance, skip, at, end, tiles GPVirtual }

func (a *lines) rowSide() *rowSide {
	s := &rowSide{a.GP64(), a.GP64(), a.GP64(), a.GP64(), a.GP64(), a.GP64(), a.GP64()}
	a.Load(a.Param("rows"), s.rows)
	a.elements("step", s.step)
	a.elements("advance", s.advance)
	a.elements("channels", s.end)
	a.Load(a.Param("tiles"), s.tiles)
	a.MOVQ(s.advance, s.skip)
	a.SUBQ(s.end, s.skip)
	a.XORQ(s.at, s.at)
	return s
}

// row returns the address of a row's first element in the tile.
func (a *lines) row(s *rowSide, i int) GPVirtual {
	r := a.GP64()
	a.MOVQ(Mem{Base: s.rows, Disp: 8 * i}, r)
	a.ADDQ(s.at, r)
	return r
}

// elements loads a parameter that counts float32s, as bytes.
func (a *asm) elements(param string, to GPVirtual) {
	a.Load(a.Param(param), to)
	a.SHLQ(U8(2), to)
}

// six returns the addresses of n ≤ 6 elements from base on, step bytes apart.
func (a *lines) six(base, step GPVirtual, n int) func(i int) Mem {
	second := a.GP64()
	if n > 3 {
		a.LEAQ(Mem{Base: base, Index: step, Scale: 1}, second)
	}
	return func(i int) Mem {
		switch i {
		case 0:
			return Mem{Base: base}
		case 1, 2, 4:
			return Mem{Base: base, Index: step, Scale: uint8(i)}
		}
		return Mem{Base: second, Index: step, Scale: uint8(i - 1)}
	}
}

// maskedLoad returns a function that loads an element of column i under its mask.
func (a *lines) maskedLoad(columns int) func(i int, m Mem) Op {
	on := a.GP64()
	a.Load(a.Param("on"), on)
	if a.lanes == 8 {
		return func(i int, m Mem) Op {
			mask, x := a.reg(Mem{Base: on, Disp: 32 * i}), a.vec()
			a.VMASKMOVPS(m, mask, x)
			return x
		}
	}
	masks := make([]Register, columns)
	for i := range masks {
		bits, k := a.GP32(), a.K()
		a.MOVL(Mem{Base: on, Disp: 32 * i}, bits)
		a.KMOVW(bits, k)
		masks[i] = k
	}
	return func(i int, m Mem) Op {
		x := a.vec()
		a.VMOVUPS_Z(m, masks[i], x)
		return x
	}
}

// prefetch brings the four columns from first on, of the tile that comes ahead
// of this one, into the second-level cache.
func (a *lines) prefetch(row, step GPVirtual, first int) {
	ahead := a.GP64()
	a.elements("ahead", ahead)
	a.ADDQ(row, ahead)
	at := a.six(ahead, step, 6)
	for j := range 4 {
		a.PREFETCHT1(at(first + j))
	}
}

// inRegisters returns the operand of a line of vectors.
func inRegisters(x []vec) func(i int) Op { return func(i int) Op { return x[i] } }

// pass applies one pass to lines and returns the results by number of result
// and line.
func (a *lines) pass(p linePass, count int, line func(i int) func(j int) Op) [][]vec {
	x := make([][]vec, len(p.results))
	for i := range count {
		for k, v := range p.compute(a, line(i)) {
			x[k] = append(x[k], v)
		}
	}
	return x
}

// next closes the loops over a tile's channels and over the tiles.
func (a *lines) next(s *rowSide, atTile func()) {
	a.ADDQ(U8(a.bytes()), s.at)
	a.CMPQ(s.at, s.end)
	a.JLT(LabelRef("tile")) // both may be negative
	a.ADDQ(s.skip, s.at)
	a.ADDQ(s.advance, s.end)
	atTile()
	a.DECQ(s.tiles)
	a.JNZ(LabelRef("tile"))
	a.VZEROUPPER()
	a.RET()
}

// toPlanes writes a transform of tiles of m.from rows and columns to 36 planes.
// With masks, which say what columns there are, the others are zero and are not
// read.
func (a *lines) toPlanes(name string, m lineMap, masked bool) {
	on := ""
	if masked {
		on = ", on *[6][8]int32"
	}
	a.begin(name, "func(dst *float32, next int, "+rowParams+", start, ahead, tiles, channels int"+on+")")
	dst, next, next6 := a.GP64(), a.GP64(), a.GP64()
	a.Load(a.Param("dst"), dst)
	a.elements("next", next)
	a.IMUL3Q(U8(6), next, next6)
	rows := a.rowSide()
	a.elements("start", rows.at)
	a.ADDQ(rows.at, rows.end)
	load := func(_ int, m Mem) Op { return m }
	if masked {
		load = a.maskedLoad(m.from)
	}
	a.keep(m.constants)
	a.Label("tile")
	for i, across := range m.passes {
		x := a.pass(across, m.from, func(i int) func(int) Op {
			row := a.row(rows, i)
			if inner := m.from/2 - 2; inner >= 0 && across.results[0] == 0 && i >= inner && i < inner+4 {
				a.prefetch(row, rows.step, inner)
			}
			at := a.six(row, rows.step, m.from)
			return func(j int) Op { return load(j, at(j)) }
		})
		to := a.GP64()
		if i == 0 {
			a.MOVQ(dst, to)
		} else {
			a.LEAQ(Mem{Base: dst, Index: next, Scale: uint8(2 * i)}, to)
		}
		for _, down := range m.passes {
			for k := range x {
				y := down.compute(a, inRegisters(x[k]))
				a.VMOVUPS(y[0], Mem{Base: to})
				a.VMOVUPS(y[1], Mem{Base: to, Index: next6, Scale: 1})
				if k == 0 {
					a.ADDQ(next, to)
				}
			}
			a.SUBQ(next, to)
			a.LEAQ(Mem{Base: to, Index: next6, Scale: 2}, to)
		}
	}
	a.ADDQ(U8(a.bytes()), dst)
	a.next(rows, func() {})
}

// fromPlanes writes a transform of 36 planes to tiles of rows and columns.
func (a *lines) fromPlanes(name string, m lineMap, hasBias bool) {
	extra := ""
	if hasBias {
		extra = ", bias *float32"
	}
	a.begin(name, "func("+rowParams+", src *float32, next, tiles, channels int"+extra+")")
	src, next, next6, bias := a.GP64(), a.GP64(), a.GP64(), a.GP64()
	a.Load(a.Param("src"), src)
	a.elements("next", next)
	a.IMUL3Q(U8(6), next, next6)
	if hasBias {
		a.Load(a.Param("bias"), bias)
	}
	rows := a.rowSide()
	a.keep(m.constants)
	a.Label("tile")
	for _, across := range m.passes {
		from := a.GP64()
		a.MOVQ(src, from)
		x := a.pass(across, 6, func(i int) func(int) Op {
			if i > 0 {
				a.ADDQ(next6, from)
			}
			at := a.six(from, next, 6)
			return func(j int) Op { return at(j) }
		})
		for _, down := range m.passes {
			for k, column := range across.results {
				y := down.compute(a, inRegisters(x[k]))
				for l, v := range y {
					if hasBias {
						v = a.add(v, Mem{Base: bias, Index: rows.at, Scale: 1})
					}
					to := a.row(rows, down.results[l])
					a.VMOVUPS(v, a.six(to, rows.step, column+1)(column))
				}
			}
		}
	}
	a.ADDQ(U8(a.bytes()), src)
	a.next(rows, func() {
		if hasBias {
			a.SUBQ(rows.advance, bias)
		}
	})
}
