package cuda

import "hourglass/kernels"

// The optimizers, as optim.cu numbers them.
const (
	sgd = iota
	adam
	rmsProp
)

// optimArgs is OptimArgs of optim.cu.
type optimArgs struct {
	state, gradient, rate, step, out uint64
	n, which, nesterov, decoupled    int64
	momentum, dampening, decay       float64
	beta1, beta2, epsilon, alpha     float64
}

// optimizer returns the launch of an optimizer's step.
func (d *Device) optimizer(s kernels.Optimizer, out kernels.Operand) (kernels.Launch, error) {
	if err := d.onlyFloat32(out, nil); err != nil {
		return kernels.Launch{}, err
	}
	a := &optimArgs{n: int64(out.Shape[1])}
	switch s := s.(type) {
	case kernels.SGD:
		a.which, a.nesterov = sgd, flag(s.Nesterov)
		a.momentum, a.dampening, a.decay = s.Momentum, s.Dampening, s.WeightDecay
	case kernels.Adam:
		a.which, a.decoupled = adam, flag(s.Decoupled)
		a.beta1, a.beta2, a.epsilon, a.decay = s.Beta1, s.Beta2, s.Epsilon, s.WeightDecay
	case kernels.RMSProp:
		a.which = rmsProp
		a.alpha, a.epsilon, a.momentum, a.decay = s.Alpha, s.Epsilon, s.Momentum, s.WeightDecay
	default:
		return kernels.Launch{}, d.unsupported(out)
	}
	k, err := d.kernel("optim", size{grid: grid(int(a.n), 256), block: threads(256)})
	if err != nil {
		return kernels.Launch{}, err
	}
	return kernels.Launch{InPlace: 1, Run: func(out kernels.Buffer, in []kernels.Buffer, _ kernels.Buffer) {
		a.state, a.gradient, a.rate, a.step, a.out = addr(in[0]), addr(in[1]), addr(in[2]), addr(in[3]), addr(out)
		k.run(slots(a)...)
	}}, nil
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// average returns the launch that moves averages towards values: the first half
// of them by fresh, the others by freshSecond.
func (d *Device) average(out kernels.Operand, half int, keep, fresh, freshSecond float64) (kernels.Launch, error) {
	if err := d.onlyFloat32(out, nil); err != nil {
		return kernels.Launch{}, err
	}
	n := out.Shape.Size()
	k, err := d.kernel("optim_average", size{grid: grid(n, 256), block: threads(256)})
	if err != nil {
		return kernels.Launch{}, err
	}
	return kernels.Launch{InPlace: 1, Run: func(out kernels.Buffer, in []kernels.Buffer, _ kernels.Buffer) {
		k.run(addr(in[0]), addr(in[1]), addr(out), num(n), num(half), f64(keep), f64(fresh), f64(freshSecond))
	}}, nil
}

// runningStats returns the launch of a RunningStats.
func (d *Device) runningStats(s kernels.RunningStats, out kernels.Operand) (kernels.Launch, error) {
	unbiased := s.Momentum * float64(s.Count) / float64(s.Count-1)
	return d.average(out, out.Shape[1], 1-s.Momentum, s.Momentum, unbiased)
}
