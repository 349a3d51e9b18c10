package main

import (
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// strided4 writes the transforms of stride 2 whose tiles are four places wide.
// As with winograd's, each applies one map to the rows of a tile and then to the
// columns of what that gives.
func strided4(file *asm) {
	a := &lines{asm: file}
	a.strideToPlanes("stridedTiles4", strided4Input, 9, 8)
	a.strideToPlanes("transposedTiles4", transposed4Input, 5, 4)
	a.strideToPlanes("stridedSpread4", strided4Spread, 5, 4)
	a.strideFromPlanes("stridedResult4", strided4Result)
	a.strideFromPlanes("transposedResult4", transposed4Result)
	a.strideFromPlanes("stridedGradient4", strided4Gradient)
}

// A strideMap is a map of so many numbers, in passes.
type strideMap struct {
	from      int
	constants []float64
	passes    []stridePass
}

// stridePass computes one or two results from terms that they share.
type stridePass struct {
	results []int
	terms   func(a *lines, at func(i int) Op) (x, y vec)
	last    []func(a *lines, at func(i int) Op, x, y vec) vec
}

// The points ±¾ and ±5/2, as in package simd.
const (
	strideP, strideQ = 0.75, 2.5
	strideP2         = strideP * strideP
	strideQ2         = strideQ * strideQ
	strideP3         = strideP * strideP2
	strideQ3         = strideQ * strideQ2
)

func plusTimes(c float64) func(*lines, func(int) Op, vec, vec) vec {
	return func(a *lines, _ func(int) Op, x, y vec) vec { return a.more(x, c, y) }
}

func lessTimes(c float64) func(*lines, func(int) Op, vec, vec) vec {
	return func(a *lines, _ func(int) Op, x, y vec) vec { return a.less(x, c, y) }
}

// strideEven are the passes of the places on even rows or columns, which are
// step places apart.
func strideEven(step int) []stridePass {
	pair := func(results []int, c, point float64) stridePass {
		return stridePass{results, func(a *lines, at func(int) Op) (x, y vec) {
			return a.less(at(4*step), c, at(2*step)), a.less(at(3*step), c, at(step))
		}, []func(*lines, func(int) Op, vec, vec) vec{plusTimes(point), lessTimes(point)}}
	}
	return []stridePass{
		{[]int{0}, func(a *lines, at func(int) Op) (x, y vec) {
			return a.less(at(0), 1/strideP2+1/strideQ2, at(2*step)), nil
		}, []func(*lines, func(int) Op, vec, vec) vec{func(a *lines, at func(int) Op, x, _ vec) vec {
			return a.more(x, 1/(strideP2*strideQ2), at(4*step))
		}}},
		pair([]int{1, 2}, strideQ2, strideP),
		pair([]int{3, 4}, strideP2, strideQ),
	}
}

var strideEvenConstants = []float64{1/strideP2 + 1/strideQ2, 1 / (strideP2 * strideQ2), strideP, strideQ, strideP2, strideQ2}

var strided4Input = strideMap{9, append([]float64{strideP / strideQ}, strideEvenConstants...), append(strideEven(2),
	stridePass{[]int{5, 6}, func(a *lines, at func(int) Op) (x, y vec) {
		return a.less(at(7), strideQ2, at(3)), a.less(at(5), strideQ2, at(1))
	}, []func(*lines, func(int) Op, vec, vec) vec{plusTimes(strideP), func(a *lines, _ func(int) Op, x, y vec) vec {
		return a.scaled(a.VFMSUB231PS, x, strideP, y)
	}}},
	stridePass{[]int{7, 8}, func(a *lines, at func(int) Op) (x, y vec) {
		return a.times(strideP/strideQ, a.less(at(7), strideP2, at(3))), a.less(at(5), strideP2, at(1))
	}, []func(*lines, func(int) Op, vec, vec) vec{func(a *lines, _ func(int) Op, x, y vec) vec {
		return a.scaled(a.VFNMSUB231PS, x, strideP, y)
	}, lessTimes(strideP)}},
)}

var transposed4Input = strideMap{5, strideEvenConstants, strideEven(1)}

var strided4Spread = strideMap{4, []float64{strideP, strideQ, strideP2, strideQ2}, []stridePass{
	{[]int{0}, func(a *lines, at func(int) Op) (x, y vec) { return a.value(at(0)), nil },
		[]func(*lines, func(int) Op, vec, vec) vec{func(_ *lines, _ func(int) Op, x, _ vec) vec { return x }}},
	strideSpread([]int{1, 2}, strideP2, strideP),
	strideSpread([]int{3, 4}, strideQ2, strideQ),
}}

func strideSpread(results []int, square, point float64) stridePass {
	return stridePass{results, func(a *lines, at func(int) Op) (x, y vec) {
		return a.more(at(0), square, at(2)), a.more(at(1), square, at(3))
	}, []func(*lines, func(int) Op, vec, vec) vec{plusTimes(point), lessTimes(point)}}
}

// strideSums are the passes of the results y0 … y3, which are step places apart.
func strideSums(step int) []stridePass {
	return []stridePass{
		{[]int{0, 2 * step}, func(a *lines, at func(int) Op) (x, y vec) {
			return a.sum(at(1), at(2)), a.sum(at(3), at(4))
		}, []func(*lines, func(int) Op, vec, vec) vec{func(a *lines, at func(int) Op, x, y vec) vec {
			return a.add(a.sum(x, at(0)), y)
		}, func(a *lines, _ func(int) Op, x, y vec) vec {
			return a.more(a.times(strideP2, x), strideQ2, y)
		}}},
		{[]int{step, 3 * step}, func(a *lines, at func(int) Op) (x, y vec) {
			return a.sub(a.value(at(1)), at(2)), a.sub(a.value(at(3)), at(4))
		}, []func(*lines, func(int) Op, vec, vec) vec{func(a *lines, _ func(int) Op, x, y vec) vec {
			return a.more(a.times(strideP, x), strideQ, y)
		}, func(a *lines, _ func(int) Op, x, y vec) vec {
			return a.more(a.times(strideP3, x), strideQ3, y)
		}}},
	}
}

var strided4Result = strideMap{5, []float64{strideP, strideQ, strideP2, strideQ2, strideP3, strideQ3}, strideSums(1)}

var transposed4Result = strideMap{9, []float64{strideP, strideQ, strideP2, strideQ2, strideP3, strideQ3}, append(strideSums(2),
	stridePass{[]int{1, 5}, func(a *lines, at func(int) Op) (x, y vec) {
		return a.sub(a.value(at(5)), at(6)), a.sub(a.value(at(7)), at(8))
	}, []func(*lines, func(int) Op, vec, vec) vec{lessTimes(strideP / strideQ), func(a *lines, _ func(int) Op, x, y vec) vec {
		return a.less(a.times(strideP2, x), strideP*strideQ, y)
	}}},
	stridePass{[]int{3, 7}, func(a *lines, at func(int) Op) (x, y vec) {
		return a.sum(at(5), at(6)), a.sum(at(7), at(8))
	}, []func(*lines, func(int) Op, vec, vec) vec{func(a *lines, _ func(int) Op, x, y vec) vec {
		return a.times(strideP, a.sub(x, y))
	}, func(a *lines, _ func(int) Op, x, y vec) vec {
		return a.less(a.times(strideP3, x), strideP*strideQ2, y)
	}}},
)}

// The factors of the filter's transform, p and q being what w0 is multiplied by.
const (
	strideFilterP = 1 / (2 * strideP2 * (strideP2 - strideQ2))
	strideFilterQ = 1 / (2 * strideQ2 * (strideQ2 - strideP2))
)

var strided4Gradient = strideMap{6, []float64{strideFilterP, strideFilterQ, strideFilterP * strideP, strideFilterQ * strideQ}, []stridePass{
	{[]int{0}, func(a *lines, at func(int) Op) (x, y vec) {
		return a.sum(at(1), at(2)), a.sum(at(3), at(4))
	}, []func(*lines, func(int) Op, vec, vec) vec{func(a *lines, at func(int) Op, x, y vec) vec {
		return a.more(a.more(at(0), strideFilterP, x), strideFilterQ, y)
	}}},
	{[]int{2}, func(a *lines, at func(int) Op) (x, y vec) {
		return a.sub(a.value(at(1)), at(2)), a.sub(a.value(at(3)), at(4))
	}, []func(*lines, func(int) Op, vec, vec) vec{func(a *lines, _ func(int) Op, x, y vec) vec {
		return a.more(a.times(strideFilterP*strideP, x), strideFilterQ*strideQ, y)
	}}},
	{[]int{1}, func(a *lines, at func(int) Op) (x, y vec) { return a.value(at(5)), nil },
		[]func(*lines, func(int) Op, vec, vec) vec{func(a *lines, _ func(int) Op, x, _ vec) vec {
			return a.times(strideFilterP*strideP, x)
		}}},
}}

// strideLines applies the passes of a map across lines of a tile: one result of
// them at a time where registers are few. done gets the results by line.
func (a *lines) strideLines(m strideMap, line func(i int) func(j int) Op, done func(result int, x []vec)) {
	for _, p := range m.passes {
		for _, q := range a.strideSplit(p) {
			x := make([][]vec, len(q.results))
			for i := range m.from {
				for k, v := range a.stridePass(q, line(i)) {
					x[k] = append(x[k], v)
				}
			}
			for k, result := range q.results {
				done(result, x[k])
			}
		}
	}
}

// strideSplit returns the passes of one result each that a pass is made of, if
// registers are few.
func (a *lines) strideSplit(p stridePass) []stridePass {
	if a.lanes == 16 {
		return []stridePass{p}
	}
	var single []stridePass
	for k := range p.results {
		single = append(single, stridePass{p.results[k : k+1], p.terms, p.last[k : k+1]})
	}
	return single
}

func (a *lines) stridePass(p stridePass, at func(int) Op) []vec {
	x, y := p.terms(a, at)
	results := make([]vec, len(p.results))
	for k, last := range p.last {
		results[k] = last(a, at, x, y)
	}
	return results
}

// nine returns the addresses of nine elements from base on, step bytes apart.
func (a *lines) nine(base, step, step3 GPVirtual) func(i int) Mem {
	fourth := a.GP64()
	a.LEAQ(Mem{Base: base, Index: step3, Scale: 1}, fourth)
	return func(i int) Mem {
		switch i {
		case 0:
			return Mem{Base: base}
		case 3:
			return Mem{Base: fourth}
		case 5, 7:
			return Mem{Base: fourth, Index: step, Scale: uint8(i - 3)}
		case 6:
			return Mem{Base: base, Index: step3, Scale: 2}
		}
		return Mem{Base: base, Index: step, Scale: uint8(i)}
	}
}

// strideMask returns a function that loads an element of the first or of the
// last column under its mask.
func (a *lines) strideMask() func(i int, m Mem) Op {
	on := a.GP64()
	a.Load(a.Param("on"), on)
	if a.lanes == 8 {
		return func(i int, m Mem) Op {
			mask, x := a.reg(Mem{Base: on, Disp: 32 * i}), a.vec()
			a.VMASKMOVPS(m, mask, x)
			return x
		}
	}
	var masks [2]Register
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

func (a *lines) strideRow(i int, at GPVirtual) GPVirtual {
	r := a.GP64()
	a.Load(a.Param("rows"), r)
	a.MOVQ(Mem{Base: r, Disp: 8 * i}, r)
	if at != nil {
		a.ADDQ(at, r)
	}
	return r
}

// pitches loads a distance, and returns it and three times it.
func (a *lines) pitches(param string) (one, three GPVirtual) {
	one, three = a.GP64(), a.GP64()
	a.elements(param, one)
	a.LEAQ(Mem{Base: one, Index: one, Scale: 2}, three)
	return one, three
}

// strideToPlanes writes a transform of tiles of m.from rows and columns, advance
// places apart, to planes, of which there are so many in each dimension. The
// masks say whether there are the first and the last column; if not they are zero
// and are not read.
func (a *lines) strideToPlanes(name string, m strideMap, planes, advance int) {
	a.begin(name, "func(dst *float32, next int, rows *[9]*float32, start, step, tiles, channels int, on *[2][8]int32)")
	dst, next, down := a.GP64(), a.GP64(), a.GP64()
	a.Load(a.Param("dst"), dst)
	a.elements("next", next)
	a.IMUL3Q(U8(planes), next, down)
	step, step3 := a.pitches("step")
	at, end, tiles := a.GP64(), a.GP64(), a.GP64()
	a.elements("start", at)
	a.elements("channels", end)
	a.ADDQ(at, end)
	a.Load(a.Param("tiles"), tiles)
	masked := a.strideMask()
	a.keep(m.constants)
	a.Label("tile")
	column := a.GP64()
	a.MOVQ(dst, column)
	a.strideLines(m, func(i int) func(int) Op {
		places := a.nine(a.strideRow(i, at), step, step3)
		return func(j int) Op {
			switch j {
			case 0:
				return masked(0, places(j))
			case m.from - 1:
				return masked(1, places(j))
			}
			return places(j)
		}
	}, func(_ int, x []vec) {
		to := a.GP64()
		a.MOVQ(column, to)
		for _, p := range m.passes {
			for _, q := range a.strideSplit(p) {
				for _, v := range a.stridePass(q, inRegisters(x)) {
					a.VMOVUPS(v, Mem{Base: to})
					a.ADDQ(down, to)
				}
			}
		}
		a.ADDQ(next, column)
	})
	a.ADDQ(U8(a.bytes()), dst)
	a.ADDQ(U8(a.bytes()), at)
	a.CMPQ(at, end)
	a.JLT(LabelRef("tile")) // both may be negative
	channels := a.GP64()
	a.elements("channels", channels)
	a.SUBQ(channels, at)
	for range advance / 4 {
		a.LEAQ(Mem{Base: at, Index: step, Scale: 4}, at)
	}
	a.LEAQ(Mem{Base: at, Index: channels, Scale: 1}, end)
	a.DECQ(tiles)
	a.JNZ(LabelRef("tile"))
	a.VZEROUPPER()
	a.RET()
}

// strideFromPlanes writes a transform of m.from times as many planes to tiles of
// rows and columns, and adds the bias.
func (a *lines) strideFromPlanes(name string, m strideMap) {
	a.begin(name, "func(rows *[8]*float32, src *float32, next, tiles, channels, step int, bias *float32)")
	src, down, bias, at, end, tiles := a.GP64(), a.GP64(), a.GP64(), a.GP64(), a.GP64(), a.GP64()
	a.Load(a.Param("src"), src)
	next, next3 := a.pitches("next")
	a.IMUL3Q(U8(m.from), next, down)
	step, step3 := a.pitches("step")
	a.Load(a.Param("bias"), bias)
	a.XORQ(at, at)
	a.elements("channels", end)
	a.Load(a.Param("tiles"), tiles)
	a.keep(m.constants)
	a.Label("tile")
	from := a.GP64()
	a.strideLines(m, func(i int) func(int) Op {
		if i == 0 {
			a.MOVQ(src, from)
		} else {
			a.ADDQ(down, from)
		}
		planes := a.nine(from, next, next3)
		return func(j int) Op { return planes(j) }
	}, func(column int, x []vec) {
		place := a.GP64()
		switch column {
		case 0:
			a.MOVQ(at, place)
		case 3:
			a.LEAQ(Mem{Base: at, Index: step3, Scale: 1}, place)
		case 6:
			a.LEAQ(Mem{Base: at, Index: step3, Scale: 2}, place)
		case 5, 7:
			a.LEAQ(Mem{Base: at, Index: step3, Scale: 1}, place)
			a.LEAQ(Mem{Base: place, Index: step, Scale: uint8(column - 3)}, place)
		default:
			a.LEAQ(Mem{Base: at, Index: step, Scale: uint8(column)}, place)
		}
		for _, p := range m.passes {
			for _, q := range a.strideSplit(p) {
				for k, v := range a.stridePass(q, inRegisters(x)) {
					a.VMOVUPS(a.add(v, Mem{Base: bias}), Mem{Base: a.strideRow(q.results[k], nil), Index: place, Scale: 1})
				}
			}
		}
	})
	a.ADDQ(U8(a.bytes()), src)
	a.ADDQ(U8(a.bytes()), bias)
	a.ADDQ(U8(a.bytes()), at)
	a.CMPQ(at, end)
	a.JLT(LabelRef("tile"))
	// The next tile begins as many places further on as this one has.
	channels := a.GP64()
	a.elements("channels", channels)
	a.SUBQ(channels, bias)
	a.SUBQ(channels, at)
	places := 0
	for _, p := range m.passes {
		places += len(p.results)
	}
	if places == 3 {
		a.ADDQ(step3, at)
	}
	for range places / 4 {
		a.LEAQ(Mem{Base: at, Index: step, Scale: 4}, at)
	}
	a.LEAQ(Mem{Base: at, Index: channels, Scale: 1}, end)
	a.DECQ(tiles)
	a.JNZ(LabelRef("tile"))
	a.VZEROUPPER()
	a.RET()
}
