package cpu

import (
	"math"

	"hourglass/kernels"
	"hourglass/kernels/cpu/internal/simd"
)

// sweepGrain is how many elements a task of a pass over an arena should have.
const sweepGrain = 1 << 13

// optimizer takes one training step over the whole arena.
func optimizer(s kernels.Optimizer, out kernels.Operand) kernel {
	n := out.Shape[1]
	tasks := pieces(n, sweepGrain)
	var take func(a arena, rate float32, step int)
	switch s := s.(type) {
	case kernels.SGD:
		take = func(a arena, rate float32, step int) { sgd(&s, a, rate, step) }
	case kernels.Adam:
		take = func(a arena, rate float32, step int) { adam(&s, a, rate, step) }
	case kernels.RMSProp:
		take = func(a arena, rate float32, _ int) { rmsprop(&s, a, rate) }
	}
	k := single(tasks, func(c *call, task int, _ []float32) {
		a := arena{g: c.in[1].f32}
		for row := range out.Shape[0] {
			a.old[row], a.new[row] = c.in[0].f32[row*n:][:n], c.out.f32[row*n:][:n]
		}
		from, to := split(n, tasks, task, 16)
		take(a.part(from, to), c.in[2].f32[0], int(view[int32](c.in[3].bytes)[0]))
	})
	k.inPlace = 1
	return k
}

// An arena is a range of parameters: their gradients, and their old and new
// state by row. The new may be the memory of the old.
type arena struct {
	g        []float32
	old, new [3][]float32
}

func (a arena) part(from, to int) arena {
	a.g = a.g[from:to]
	for row := range a.old {
		if a.old[row] != nil {
			a.old[row], a.new[row] = a.old[row][from:to], a.new[row][from:to]
		}
	}
	return a
}

func sgd(s *kernels.SGD, a arena, rate float32, step int) {
	momentum, fresh, decay := float32(s.Momentum), float32(1-s.Dampening), float32(s.WeightDecay)
	oldW, newW := a.old[0][:len(a.g)], a.new[0][:len(a.g)]
	if momentum == 0 {
		for i, g := range a.g {
			w := oldW[i]
			newW[i] = w - rate*(g+decay*w)
		}
		return
	}
	oldB, newB := a.old[1][:len(a.g)], a.new[1][:len(a.g)]
	before := momentum
	if step == 0 {
		before, fresh = 0, 1
	}
	for i, g := range a.g {
		w := oldW[i]
		g += decay * w
		b := fresh * g
		if before != 0 { // the first buffer may hold anything
			b += before * oldB[i]
		}
		newB[i] = b
		if s.Nesterov {
			b = g + momentum*b
		}
		newW[i] = w - rate*b
	}
}

func adam(s *kernels.Adam, a arena, rate float32, step int) {
	t := float64(step) + 1
	c := simd.AdamStep{
		Coupled: float32(s.WeightDecay), Keep: 1,
		New1: float32(1 - s.Beta1), Beta2: float32(s.Beta2), New2: float32(1 - s.Beta2),
		Size:    float32(float64(rate) / (1 - math.Pow(s.Beta1, t))),
		PerRoot: float32(1 / math.Sqrt(1-math.Pow(s.Beta2, t))),
		Epsilon: float32(s.Epsilon),
	}
	if s.Decoupled {
		c.Coupled, c.Keep = 0, float32(1-float64(rate)*s.WeightDecay)
	}
	simd.Adam(&c, a.new[0], a.new[1], a.new[2], a.g, a.old[0], a.old[1], a.old[2])
}

func rmsprop(s *kernels.RMSProp, a arena, rate float32) {
	alpha, fresh, epsilon := float32(s.Alpha), float32(1-s.Alpha), float32(s.Epsilon)
	momentum, decay := float32(s.Momentum), float32(s.WeightDecay)
	n := len(a.g)
	oldW, oldV, newW, newV := a.old[0][:n], a.old[1][:n], a.new[0][:n], a.new[1][:n]
	oldB, newB := a.old[2], a.new[2]
	for i, g := range a.g {
		w := oldW[i]
		g += decay * w
		v := alpha*oldV[i] + fresh*g*g
		g /= float32(math.Sqrt(float64(v))) + epsilon
		if momentum != 0 {
			g += momentum * oldB[i]
			newB[i] = g
		}
		newW[i], newV[i] = w-rate*g, v
	}
}

// clipByGlobalNorm adds the squares of each task in double precision, in which
// none overflows, then scales; every task adds all the partial sums itself.
func clipByGlobalNorm(s kernels.ClipByGlobalNorm, out kernels.Operand) kernel {
	n := out.Shape.Size()
	tasks := pieces(n, sweepGrain)
	square := func(c *call, task int, _ []float32) {
		from, to := split(n, tasks, task, 16)
		g := c.in[0].f32[from:to]
		doubles(c.work)[task] = simd.SumProduct(g, g)
	}
	scale := func(c *call, task int, _ []float32) {
		sum := 0.0
		for _, part := range doubles(c.work)[:tasks] {
			sum += part
		}
		factor := float32(s.Factor(math.Sqrt(sum)))
		from, to := split(n, tasks, task, 16)
		simd.Scale(c.out.f32[from:to], c.in[0].f32[from:to], factor)
	}
	return kernel{phases: []phase{{tasks, square}, {tasks, scale}}, workspace: 2 * tasks, inPlace: 1}
}

func ema(s kernels.EMA, out kernels.Operand) kernel {
	n := out.Shape.Size()
	tasks := pieces(n, sweepGrain)
	decay, fresh := float32(s.Decay), float32(1-s.Decay)
	k := single(tasks, func(c *call, task int, _ []float32) {
		from, to := split(n, tasks, task, 16)
		average, value, y := c.in[0].f32[from:to], c.in[1].f32[from:to], c.out.f32[from:to]
		for i, v := range value {
			y[i] = decay*average[i] + fresh*v
		}
	})
	k.inPlace = 1
	return k
}

func runningStats(s kernels.RunningStats, out kernels.Operand) kernel {
	channels := out.Shape[1]
	keep, mean := float32(1-s.Momentum), float32(s.Momentum)
	variance := float32(s.Momentum * float64(s.Count) / float64(s.Count-1))
	k := single(1, func(c *call, _ int, _ []float32) {
		running, moments, y := c.in[0].f32, c.in[1].f32, c.out.f32
		for i := range channels {
			y[i] = keep*running[i] + mean*moments[i]
		}
		for i := channels; i < 2*channels; i++ {
			y[i] = keep*running[i] + variance*moments[i]
		}
	})
	k.inPlace = 1
	return k
}
