//go:build !purego

package simd

// pointers returns where the rows begin.
func (t *Tiles) pointers(rows int) (p [6]*float32) {
	for i := range rows {
		p[i] = &t.Rows[i][0]
	}
	return p
}

// masks returns ones for the columns that there are.
func (t *Tiles) masks(columns int) (on [6][8]int32) {
	for j := t.Before; j < columns-t.After; j++ {
		for lane := range on[j] {
			on[j][lane] = -1
		}
	}
	return on
}

func winogradInput(dst []float32, next int, t *Tiles) {
	rows := t.pointers(6)
	if tier != Generic && t.Before+t.After > 0 {
		on := t.masks(6)
		if tier == AVX512 {
			winogradInputEdgeAVX512(&dst[0], next, &rows, t.Step, t.Advance, t.Start, t.Ahead, t.Count, t.Channels, &on)
		} else {
			winogradInputEdgeAVX2(&dst[0], next, &rows, t.Step, t.Advance, t.Start, t.Ahead, t.Count, t.Channels, &on)
		}
	} else if tier == AVX512 {
		winogradInputAVX512(&dst[0], next, &rows, t.Step, t.Advance, t.Start, t.Ahead, t.Count, t.Channels)
	} else if tier == AVX2 {
		winogradInputAVX2(&dst[0], next, &rows, t.Step, t.Advance, t.Start, t.Ahead, t.Count, t.Channels)
	} else {
		winogradInputGeneric(dst, next, t)
	}
}

func winogradSpread(dst []float32, next int, t *Tiles) {
	rows := t.pointers(4)
	if tier != Generic && t.Before+t.After > 0 {
		on := t.masks(4)
		if tier == AVX512 {
			winogradSpreadEdgeAVX512(&dst[0], next, &rows, t.Step, t.Advance, t.Start, t.Ahead, t.Count, t.Channels, &on)
		} else {
			winogradSpreadEdgeAVX2(&dst[0], next, &rows, t.Step, t.Advance, t.Start, t.Ahead, t.Count, t.Channels, &on)
		}
	} else if tier == AVX512 {
		winogradSpreadAVX512(&dst[0], next, &rows, t.Step, t.Advance, t.Start, t.Ahead, t.Count, t.Channels)
	} else if tier == AVX2 {
		winogradSpreadAVX2(&dst[0], next, &rows, t.Step, t.Advance, t.Start, t.Ahead, t.Count, t.Channels)
	} else {
		winogradSpreadGeneric(dst, next, t)
	}
}

func winogradFilter(dst []float32, next int, t *Tiles, turned bool) {
	rows, step := t.pointers(3), t.Step
	if turned {
		step = -step
		for i := range 3 {
			rows[i] = &t.Rows[2-i][2*t.Step]
		}
	}
	if tier == AVX512 {
		winogradFilterAVX512(&dst[0], next, &rows, step, t.Advance, t.Start, t.Ahead, t.Count, t.Channels)
	} else if tier == AVX2 {
		winogradFilterAVX2(&dst[0], next, &rows, step, t.Advance, t.Start, t.Ahead, t.Count, t.Channels)
	} else {
		winogradFilterGeneric(dst, next, t, turned)
	}
}

func winogradResult(t *Tiles, src []float32, next int, bias []float32) {
	rows := t.pointers(4)
	if tier == AVX512 {
		winogradResultAVX512(&rows, t.Step, t.Advance, &src[0], next, t.Count, t.Channels, &bias[0])
	} else if tier == AVX2 {
		winogradResultAVX2(&rows, t.Step, t.Advance, &src[0], next, t.Count, t.Channels, &bias[0])
	} else {
		winogradResultGeneric(t, src, next, bias)
	}
}

func winogradGradient(t *Tiles, src []float32, next int) {
	rows := t.pointers(3)
	if tier == AVX512 {
		winogradGradientAVX512(&rows, t.Step, t.Advance, &src[0], next, t.Count, t.Channels)
	} else if tier == AVX2 {
		winogradGradientAVX2(&rows, t.Step, t.Advance, &src[0], next, t.Count, t.Channels)
	} else {
		winogradGradientGeneric(t, src, next)
	}
}
