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
	c := simd.SGDStep{
		Decay: float32(s.WeightDecay), Fresh: float32(1 - s.Dampening),
		Momentum: float32(s.Momentum), Rate: rate, Nesterov: s.Nesterov,
	}
	if s.Momentum == 0 {
		simd.SGD(&c, a.new[0], a.g, a.old[0])
		return
	}
	oldB := a.old[1]
	if step == 0 { // the first buffer may hold anything
		c.Fresh, oldB = 1, a.new[1]
		clear(oldB)
	}
	simd.Momentum(&c, a.new[0], a.new[1], a.g, a.old[0], oldB)
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
	c := simd.RMSPropStep{
		Decay: float32(s.WeightDecay), Alpha: float32(s.Alpha), Fresh: float32(1 - s.Alpha),
		Epsilon: float32(s.Epsilon), Momentum: float32(s.Momentum), Rate: rate,
	}
	simd.RMSProp(&c, a.new[0], a.new[1], a.new[2], a.g, a.old[0], a.old[1], a.old[2])
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
		y := c.out.f32[from:to]
		simd.Scale(y, c.in[0].f32[from:to], decay)
		simd.AXPY(y, fresh, c.in[1].f32[from:to], y)
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
