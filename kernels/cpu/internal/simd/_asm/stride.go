package main

import (
	"slices"
	"strings"

	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// strided writes the transforms of stride 2.
func strided(a *asm) {
	// The transforms from row to row name the row that others have need of first.
	a.acrossRows("stridedTiles", []string{"r2", "r0", "r1", "r4", "r3"}, 4, func(x []vec) []vec {
		return []vec{a.sub(x[0], x[2]), x[1], x[2], a.sub(x[4], x[2]), x[3]}
	}, []rowOfPlanes{{2, 0, nil}, {0, 1, a.less}, {1, 2, nil}, {3, 3, a.less}, {4, 4, nil}})
	a.acrossRows("stridedSpread", []string{"r0", "r1"}, 2, func(y []vec) []vec {
		return []vec{y[0], a.add(y[0], y[1]), y[1]}
	}, []rowOfPlanes{{0, 0, nil}, {1, 1, a.plus}, {2, 1, nil}})
	a.acrossRows("transposedTiles", []string{"r1", "r0", "r2"}, 2, func(x []vec) []vec {
		return []vec{a.sub(x[0], x[1]), x[1], a.sub(x[2], x[1]), x[2]}
	}, []rowOfPlanes{{1, 0, nil}, {0, 1, a.less}, {2, 2, a.less}, {3, 2, nil}})
	stridedResult(a)
	transposedResult(a)
	strided4(a)
}

// rowOfPlanes is one that a row of places gives, alone or with the first row.
type rowOfPlanes struct {
	planes, row int
	with        func(x, first vec) vec
}

func (a *asm) less(x, first vec) vec { return a.sub(x, first) }
func (a *asm) plus(x, first vec) vec { return a.add(first, x) }

// pitch is a distance in bytes: of planes, or of places.
type pitch struct{ one, three GPVirtual }

// pitch loads a parameter that counts float32s.
func (a *asm) pitch(param string) pitch {
	p := pitch{a.GP64(), a.GP64()}
	a.Load(a.Param(param), p.one)
	a.SHLQ(U8(2), p.one)
	a.LEAQ(Mem{Base: p.one, Index: p.one, Scale: 2}, p.three)
	return p
}

// at returns the address i times, up to four, the distance behind base.
func (p pitch) at(base GPVirtual, i int) Mem {
	switch i {
	case 0:
		return Mem{Base: base}
	case 3:
		return Mem{Base: base, Index: p.three, Scale: 1}
	}
	return Mem{Base: base, Index: p.one, Scale: uint8(i)}
}

// acrossRows writes a function from rows of places to planes, for tiles that are
// step places further on than the last. along is the transform from column to
// column, and down that from row to row.
func (a *asm) acrossRows(name string, rows []string, step int, along func([]vec) []vec, down []rowOfPlanes) {
	ordered := slices.Sorted(slices.Values(rows))
	a.begin(name, "func(dst *float32, next int, "+strings.Join(ordered, ", ")+" *float32, tiles, channels int)")
	next, channels := a.pitch("next"), a.pitch("channels")
	dst, to, tiles, left := a.GP64(), a.GP64(), a.GP64(), a.GP64()
	a.Load(a.Param("dst"), dst)
	src := make([]GPVirtual, len(rows))
	for i, row := range rows {
		src[i] = a.GP64()
		a.Load(a.Param(row), src[i])
	}
	a.Load(a.Param("tiles"), tiles)
	a.Label("tile")
	a.MOVQ(channels.one, left)
	a.Label("channel")
	var first, x []vec
	at := -1
	for _, d := range down {
		if d.row != at {
			x = make([]vec, len(rows))
			for i := range x {
				x[i] = a.reg(channels.at(src[d.row], i))
			}
			x = along(x)
			if at = d.row; at == 0 {
				first = x
			}
		}
		a.MOVQ(dst, to)
		a.planes(to, next, d.planes*len(x))
		for i, v := range x {
			if d.with != nil {
				v = d.with(v, first[i])
			}
			a.VMOVUPS(v, next.at(to, i))
		}
	}
	for _, p := range append([]GPVirtual{dst}, src...) {
		a.ADDQ(U8(a.bytes()), p)
	}
	a.SUBQ(U8(a.bytes()), left)
	a.JNZ(LabelRef("channel"))
	for _, p := range src {
		a.LEAQ(channels.at(p, step-1), p)
	}
	a.DECQ(tiles)
	a.JNZ(LabelRef("tile"))
	a.VZEROUPPER()
	a.RET()
}

// planes moves a pointer on by n planes.
func (a *asm) planes(p GPVirtual, next pitch, n int) {
	for ; n >= 4; n -= 4 {
		a.LEAQ(next.at(p, 4), p)
	}
	a.LEAQ(next.at(p, n), p)
}

// results writes the loops of a function from planes to rows of a result, whose
// tiles have so many places each. body gives the places of each row.
func (a *asm) results(rows, planes []string, places int, body func(src []GPVirtual, next pitch) [][]vec) {
	next, step, channels := a.pitch("next"), a.pitch("step"), a.GP64()
	a.Load(a.Param("channels"), channels)
	a.SHLQ(U8(2), channels)
	load := func(names []string) []GPVirtual {
		pointers := make([]GPVirtual, len(names))
		for i, name := range names {
			pointers[i] = a.GP64()
			a.Load(a.Param(name), pointers[i])
		}
		return pointers
	}
	to, src := load(rows), load(planes)
	a.nextRows(&src, next, planes)
	bias, at, tiles := a.GP64(), a.GP64(), a.GP64()
	a.Load(a.Param("bias"), bias)
	a.Load(a.Param("tiles"), tiles)
	a.Label("tile")
	a.XORQ(at, at)
	a.Label("channel")
	b := Mem{Base: bias, Index: at, Scale: 1}
	for i, row := range body(src, next) {
		for j, v := range row {
			a.VMOVUPS(a.add(v, b), step.at(to[i], j))
		}
	}
	for _, p := range append(append([]GPVirtual{}, to...), src...) {
		a.ADDQ(U8(a.bytes()), p)
	}
	a.ADDQ(U8(a.bytes()), at)
	a.CMPQ(at, channels)
	a.JB(LabelRef("channel"))
	for _, p := range to {
		a.SUBQ(channels, p)
		a.LEAQ(step.at(p, places/2), p)
		a.LEAQ(step.at(p, places/2), p)
	}
	a.DECQ(tiles)
	a.JNZ(LabelRef("tile"))
	a.VZEROUPPER()
	a.RET()
}

// nextRows adds pointers to the second and the third row of planes where only
// the first is a parameter.
func (a *asm) nextRows(src *[]GPVirtual, next pitch, planes []string) {
	for len(planes) == 1 && len(*src) < 3 {
		p := a.GP64()
		a.LEAQ(next.at((*src)[len(*src)-1], 3), p)
		*src = append(*src, p)
	}
}

// stridedResult adds up the nine planes of each tile to its four places.
func stridedResult(a *asm) {
	a.begin("stridedResult", "func(top, bottom, src *float32, next, tiles, channels, step int, bias *float32)")
	a.results([]string{"top", "bottom"}, []string{"src"}, 2, func(src []GPVirtual, next pitch) [][]vec {
		var s, t [3]vec
		for k := range 3 {
			middle := a.reg(next.at(src[1], k))
			s[k], t[k] = a.add(middle, next.at(src[0], k)), a.add(middle, next.at(src[2], k))
		}
		return [][]vec{
			{a.add(s[0], s[1]), a.add(s[1], s[2])},
			{a.add(t[0], t[1]), a.add(t[1], t[2])},
		}
	})
}

// transposedResult adds up the planes of each tile to four places of two rows.
func transposedResult(a *asm) {
	a.begin("transposedResult", "func(even, odd, a, b, c *float32, next, tiles, channels, step int, bias *float32)")
	a.results([]string{"even", "odd"}, []string{"a", "b", "c"}, 4, func(src []GPVirtual, next pitch) [][]vec {
		var s, t [5]vec
		for k := range 5 {
			s[k] = a.add(a.reg(next.at(src[0], k)), next.at(src[1], k))
			t[k] = a.reg(next.at(src[2], k))
		}
		places := func(x [5]vec) []vec { return []vec{a.add(x[0], x[1]), x[3], a.add(x[1], x[2]), x[4]} }
		return [][]vec{places(s), places(t)}
	})
}
