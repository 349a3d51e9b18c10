package kernels

import (
	"fmt"
	"math"
)

// OneHotMax marks the largest element of each row: x[M K] → [M K], 1 at the
// largest element of a row, the first of several, and 0 elsewhere. A row that
// holds NaN becomes NaN. The product with a table [K D] then picks rows of it,
// and the transposed product adds up what was picked for each.
type OneHotMax struct{}

// Name returns "onehotmax".
func (OneHotMax) Name() string { return "onehotmax" }

// Infer returns the operand's shape, which must have two axes and some columns.
func (s OneHotMax) Infer(in ...Shape) (Shape, error) {
	if err := arity(s, 1, in); err != nil {
		return nil, err
	}
	if len(in[0]) != 2 || in[0][1] < 1 {
		return nil, fmt.Errorf("onehotmax: operand %v, want [M K] with at least one column", in[0])
	}
	return in[0], nil
}

// Ref looks for the largest element from the left.
func (OneHotMax) Ref(out Array, in ...Array) {
	k := in[0].Shape[1]
	for from := 0; from < len(out.Data); from += k {
		row, to := in[0].Data[from:][:k], out.Data[from:][:k]
		best, filler := 0, 0.0
		for i, x := range row {
			if x > row[best] {
				best = i
			}
			if x != x {
				filler = math.NaN()
			}
		}
		for i := range to {
			to[i] = filler
		}
		to[best] += 1
	}
}
