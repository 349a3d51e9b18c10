package cpu

// axis describes the places of a correlation's result along the rows or the
// columns.
type axis struct {
	taps  [][]int // by phase: where the taps lie in the filter, in the order of the source
	spans []span
}

// span is a run of places, at equal distances, that have the same taps.
type span struct {
	first, every, count int // the first place, the distance to the next, and how many
	start, step         int // the source element under the first tap of the first place, and of the next less that
	phase               int
	tap, taps           int // the first of the phase's taps that lies on the source, and how many do
}

// forwardAxis has one phase, of all taps.
func forwardAxis(src, dst, kernel, stride, before int) axis {
	taps := make([]int, kernel)
	for i := range taps {
		taps[i] = i
	}
	var a axis
	a.add(span{every: 1, count: dst, start: -before, step: stride}, taps, src)
	return a
}

// backwardAxis has a phase for each place within a stride. Place i got a share
// of the result's element o through tap k = i + before − o·stride, so it has
// the taps of one remainder, the last first.
func backwardAxis(src, dst, kernel, stride, before int) axis {
	var a axis
	for first := range min(stride, dst) {
		rest, o := (first+before)%stride, (first+before)/stride
		var taps []int
		for k := rest; k < kernel; k += stride {
			taps = append([]int{k}, taps...)
		}
		count := (dst - first + stride - 1) / stride
		a.add(span{first: first, every: stride, count: count, start: o - len(taps) + 1, step: 1}, taps, src)
	}
	return a
}

// add adds a phase, cut into spans of places whose taps lie on the src
// elements of the source in the same way. The start of all is that of the
// phase's first place, whether on the source or not.
func (a *axis) add(all span, taps []int, src int) {
	phase := len(a.taps)
	a.taps = append(a.taps, taps)
	for i := range all.count {
		start := all.start + i*all.step
		from := max(0, -start)
		n := max(0, min(len(taps), src-start)-from)
		if n == 0 {
			from, start = 0, 0
		}
		if last := len(a.spans) - 1; i > 0 && a.spans[last].tap == from && a.spans[last].taps == n {
			a.spans[last].count++
			continue
		}
		a.spans = append(a.spans, span{
			first: all.first + i*all.every, every: all.every, count: 1,
			start: start + from, step: all.step, phase: phase, tap: from, taps: n,
		})
	}
}

// find returns the phase that has a tap, or −1, and its number there.
func (a *axis) find(tap int) (phase, number int) {
	for phase, taps := range a.taps {
		for i, t := range taps {
			if t == tap {
				return phase, i
			}
		}
	}
	return -1, 0
}

// within returns the first of the span's places from up to to, counted from
// its own first, and how many there are.
func (s *span) within(from, to int) (first, count int) {
	first = max(0, (from-s.first+s.every-1)/s.every)
	end := min(s.count, (to-s.first+s.every-1)/s.every)
	return first, max(0, end-first)
}
