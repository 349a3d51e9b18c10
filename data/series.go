package data

import (
	"fmt"
	"math"
)

// Series is a time series of T steps of C channels, such as sound or what
// sensors read.
type Series struct {
	// Name says where the series comes from.
	Name string
	T, C int
	// Values holds T·C numbers: step, channel, the last fastest.
	Values []float32
	// Anomalous tells for each step whether something is wrong there, or is nil
	// where nobody knows.
	Anomalous []bool
}

// Range returns the smallest and the largest value. A series without any, or
// one with a value that is not finite, is an error.
func (s *Series) Range() (low, high float32, err error) {
	if len(s.Values) == 0 {
		return 0, 0, fmt.Errorf("data: %s: the series is empty, want at least 1 step", s.Name)
	}
	low, high = s.Values[0], s.Values[0]
	for i, v := range s.Values {
		if d := float64(v); math.IsNaN(d) || math.IsInf(d, 0) {
			return 0, 0, fmt.Errorf("data: %s: step %d is %v, want a finite number", s.Name, i/s.C, v)
		}
		low, high = min(low, v), max(high, v)
	}
	return low, high, nil
}

// Windows cuts the series into images [1 length C] that start stride steps
// apart; steps that fill no window are left out. A value v becomes the byte
// nearest to 255·(v−low)/(high−low), and one outside the bounds that of the
// bound: give those of the training series to the others too. The label of a
// window is 1 if one of its steps is anomalous, else 0.
func (s *Series) Windows(length, stride int, low, high float32) (*Dataset, error) {
	switch {
	case s.T < 0 || s.C < 1 || len(s.Values) != s.T*s.C || s.Anomalous != nil && len(s.Anomalous) != s.T:
		return nil, fmt.Errorf("data: %s: %d values and %d labels, want those of %d steps of %d channels", s.Name, len(s.Values), len(s.Anomalous), s.T, s.C)
	case length < 1 || length > s.T:
		return nil, fmt.Errorf("data: %s: windows of %d steps, want 1 to the series' %d", s.Name, length, s.T)
	case stride < 1:
		return nil, fmt.Errorf("data: %s: windows %d steps apart, want at least 1", s.Name, stride)
	case !(low < high) || math.IsInf(float64(high-low), 0):
		return nil, fmt.Errorf("data: %s: bounds %v and %v, want two finite numbers, the smaller one first", s.Name, low, high)
	}
	n, size := (s.T-length)/stride+1, length*s.C
	d := &Dataset{Name: s.Name, N: n, H: 1, W: length, C: s.C, Pixels: make([]byte, 0, n*size)}
	if s.Anomalous != nil {
		d.Labels = make([]uint8, n)
	}
	scale := 255 / (high - low)
	for i := range n {
		from := i * stride
		for step, v := range s.Values[from*s.C:][:size] {
			if math.IsNaN(float64(v)) {
				return nil, fmt.Errorf("data: %s: step %d is NaN, want a number", s.Name, from+step/s.C)
			}
			d.Pixels = append(d.Pixels, byte(mul(min(max(v, low), high)-low, scale)+0.5))
		}
		if d.Labels != nil && anyTrue(s.Anomalous[from:from+length]) {
			d.Labels[i] = 1
		}
	}
	return d, nil
}

func anyTrue(values []bool) bool {
	for _, v := range values {
		if v {
			return true
		}
	}
	return false
}

// The windows of the data set "series", and the lengths of its parts.
const (
	seriesTrain  = 60000
	seriesTest   = 20000
	seriesWindow = 128
	seriesStride = 16
)

// openSeries returns the windows of the built-in series: the training part
// without anomalies, the test part with some, both scaled by the training
// part's range and a quarter of it on either side, where anomalies have room.
func openSeries(p *spec, split Split, _ Options) (Source, error) {
	seed := p.seed(builtinSeed)
	if p.err != nil {
		return nil, p.err
	}
	s := SyntheticSeries(seed, Train, seriesTrain)
	low, high, err := s.Range()
	if err != nil {
		return nil, err
	}
	if split == Test {
		s = SyntheticSeries(seed, Test, seriesTest)
	}
	room := (high - low) / 4
	d, err := s.Windows(seriesWindow, seriesStride, low-room, high+room)
	if err != nil {
		return nil, err
	}
	return d, nil
}

// SyntheticSeries returns a series of one channel that a seed decides: three
// waves with periods of about 25, 60 and 140 steps, a trend that rises and falls
// in a line over some thousand steps, and noise. The training part has no
// anomalies. The test part goes on with the same waves and other noise, and has
// one in about every 500 steps: a spike, a shift of the level, a burst of noise,
// a sensor that is stuck, or time that runs twice as fast.
func SyntheticSeries(seed uint64, split Split, steps int) *Series {
	s := &Series{
		Name: fmt.Sprintf("series:seed=%d %s", seed, split),
		T:    steps, C: 1, Values: make([]float32, steps), Anomalous: make([]bool, steps),
	}
	process := newProcess(seed)
	noise := newRandom(seed, streamSeries, uint64(1+split))
	faults := newRandom(seed, streamSeries, 3)
	next := steps // where the next fault begins
	if split == Test {
		next = 250 + faults.below(250)
	}
	for t := 0; t < steps; {
		if t < next {
			s.Values[t] = process.step(1) + mul(0.05, noise.bell())
			t++
			continue
		}
		f := drawFault(&faults)
		for i := 0; i < f.length && t < steps; i, t = i+1, t+1 {
			s.Values[t], s.Anomalous[t] = f.value(process, &noise, i), true
		}
		next = t + 250 + faults.below(400)
	}
	return s
}

// process is the state of the synthetic series: phases are fractions of 2³²,
// which wrap without rounding.
type process struct {
	phase, speed [4]uint32 // of the three waves and the trend
	size         [3]float32
}

// newProcess draws the waves of a seed.
func newProcess(seed uint64) *process {
	r := newRandom(seed, streamSeries, 0)
	p := &process{}
	for i, period := range [4]int{25, 60, 140, 3000} {
		p.phase[i] = r.next()
		// Up to a fifth longer or shorter.
		hundredths := 80*period + r.below(40*period)
		p.speed[i] = uint32((100 << 32) / uint64(hundredths))
	}
	for i := range p.size {
		p.size[i] = r.uniform(0.3, 0.7)
	}
	return p
}

// step returns the next value without noise, and moves on, times the usual way.
func (p *process) step(times uint32) float32 {
	v := mul(0.5, triangle(p.phase[3]))
	for i, size := range p.size {
		v += mul(size, wave(p.phase[i]))
	}
	for i := range p.phase {
		p.phase[i] += times * p.speed[i]
	}
	return v
}

// wave is nearly a sine, by Bhāskara's formula: the same bits on every
// processor, which math.Sin does not promise.
func wave(phase uint32) float32 {
	half := float32(phase<<1>>8) * (1.0 / (1 << 24)) // of the rising or falling half
	q := mul(half, 1-half)
	v := 16 * q / (5 - 4*q)
	if phase >= 1<<31 {
		return -v
	}
	return v
}

// triangle goes from −1 up to 1 and down again in a line.
func triangle(phase uint32) float32 {
	v := float32(phase>>8)*(4.0/(1<<24)) - 1
	if v > 1 {
		return 2 - v
	}
	return v
}

// fault is one anomaly.
type fault struct {
	kind, length int
	size         float32 // of a spike or a shift
	stuck        float32
}

// The kinds of faults.
const (
	spike = iota
	shift
	burst
	stuck
	fast
	faultKinds
)

func drawFault(r *random) *fault {
	f := &fault{kind: r.below(faultKinds), length: 20 + r.below(40)}
	f.size = r.uniform(0.8, 1.5)
	if f.kind == spike {
		f.length, f.size = 1+r.below(3), 2*f.size
	}
	if r.below(2) == 0 {
		f.size = -f.size
	}
	return f
}

// value returns step i of the anomaly.
func (f *fault) value(p *process, noise *random, i int) float32 {
	times, loud := uint32(1), float32(0.05)
	switch f.kind {
	case fast:
		times = 2
	case burst:
		loud = 0.4
	}
	v := p.step(times)
	e := mul(loud, noise.bell())
	switch f.kind {
	case spike, shift:
		v += f.size
	case stuck:
		if i == 0 {
			f.stuck = v + e
		}
		return f.stuck
	}
	return v + e
}
