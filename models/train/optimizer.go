package train

import (
	"fmt"
	"math"

	"hourglass/graph"
	"hourglass/kernels"
)

// Optimizer chooses how a step changes the weights. Options that the named
// algorithm does not have must be left at 0.
type Optimizer struct {
	// Name is "adam" (the default), "adamw", "sgd" or "rmsprop".
	Name string `toml:"name" json:"name"`
	// LearningRate is the schedule's highest rate; 0 stands for 0.001 with adam
	// and adamw, and 0.01 with sgd and rmsprop.
	LearningRate float64 `toml:"learning_rate" json:"learning_rate"`
	// WeightDecay is added to the gradient times the weight, an L2 penalty of
	// ½·WeightDecay·‖w‖²; adamw shrinks the weights apart from the gradient.
	WeightDecay float64 `toml:"weight_decay" json:"weight_decay"`
	// L1 times the sign of each weight, 0 of 0, is added to the gradient before it
	// is clipped, an L1 penalty of L1·Σ|w| (Tibshirani, Regression Shrinkage and
	// Selection via the Lasso, 1996). It goes for all weights that are trained, with
	// every optimizer; like WeightDecay it is no part of the loss.
	L1 float64 `toml:"l1" json:"l1,omitempty"`

	// Beta1 and Beta2 are the decays of adam's and adamw's first and second
	// moments; 0 stands for 0.9 and 0.999.
	Beta1 float64 `toml:"beta1" json:"beta1"`
	Beta2 float64 `toml:"beta2" json:"beta2"`
	// Alpha is the decay of rmsprop's mean square; 0 stands for 0.99.
	Alpha float64 `toml:"alpha" json:"alpha"`
	// Epsilon keeps the division of all but sgd finite; 0 stands for 1e-8.
	Epsilon float64 `toml:"epsilon" json:"epsilon"`

	// Momentum is the share of the last change that sgd and rmsprop keep.
	Momentum float64 `toml:"momentum" json:"momentum"`
	// Nesterov takes sgd's gradient where the momentum leads.
	Nesterov bool `toml:"nesterov" json:"nesterov"`
}

// The names of the optimizers.
const (
	adam    = "adam"
	adamW   = "adamw"
	sgd     = "sgd"
	rmsProp = "rmsprop"
)

func (o Optimizer) withDefaults() Optimizer {
	setDefault(&o.Name, adam)
	switch o.Name {
	case adam, adamW:
		setDefault(&o.LearningRate, 1e-3)
		setDefault(&o.Beta1, 0.9)
		setDefault(&o.Beta2, 0.999)
		setDefault(&o.Epsilon, 1e-8)
	case rmsProp:
		setDefault(&o.LearningRate, 1e-2)
		setDefault(&o.Alpha, 0.99)
		setDefault(&o.Epsilon, 1e-8)
	case sgd:
		setDefault(&o.LearningRate, 1e-2)
	}
	return o
}

// validate expects the defaults to be in place.
func (o Optimizer) validate() error {
	err := firstError(
		oneOf("optimizer.name", o.Name, []string{adam, adamW, sgd, rmsProp}),
		within("optimizer.learning_rate", o.LearningRate, 0, math.Inf(1)),
		within("optimizer.weight_decay", o.WeightDecay, 0, math.Inf(1)),
		within("optimizer.l1", o.L1, 0, math.Inf(1)),
		within("optimizer.beta1", o.Beta1, 0, 1),
		within("optimizer.beta2", o.Beta2, 0, 1),
		within("optimizer.alpha", o.Alpha, 0, 1),
		within("optimizer.epsilon", o.Epsilon, 0, math.Inf(1)),
		within("optimizer.momentum", o.Momentum, 0, 1),
	)
	if err != nil {
		return err
	}
	isAdam := o.Name == adam || o.Name == adamW
	for _, option := range []struct {
		name string
		set  bool
		of   bool // the algorithm has it
	}{
		{"beta1", o.Beta1 != 0, isAdam},
		{"beta2", o.Beta2 != 0, isAdam},
		{"alpha", o.Alpha != 0, o.Name == rmsProp},
		{"epsilon", o.Epsilon != 0, o.Name != sgd},
		{"momentum", o.Momentum != 0, o.Name == sgd || o.Name == rmsProp},
		{"nesterov", o.Nesterov, o.Name == sgd},
	} {
		if option.set && !option.of {
			return fmt.Errorf("train: optimizer.%s is set, but %s has no such option; remove it or choose another optimizer", option.name, o.Name)
		}
	}
	if o.Nesterov && o.Momentum == 0 {
		return fmt.Errorf("train: optimizer.nesterov wants a momentum, got none")
	}
	return nil
}

// spec returns the optimizer's operation.
func (o Optimizer) spec() kernels.Optimizer {
	o = o.withDefaults()
	switch o.Name {
	case sgd:
		return kernels.SGD{Momentum: o.Momentum, WeightDecay: o.WeightDecay, Nesterov: o.Nesterov}
	case rmsProp:
		return kernels.RMSProp{Alpha: o.Alpha, Epsilon: o.Epsilon, Momentum: o.Momentum, WeightDecay: o.WeightDecay}
	}
	return kernels.Adam{Beta1: o.Beta1, Beta2: o.Beta2, Epsilon: o.Epsilon, WeightDecay: o.WeightDecay, Decoupled: o.Name == adamW}
}

// penalize adds the gradients of L1 to those of the loss.
func (o Optimizer) penalize(b *graph.Builder, grads, params []*graph.Node) {
	if o.L1 == 0 {
		return
	}
	for i := range grads {
		grads[i] = b.Add(grads[i], b.Scale(o.L1, b.Fn(kernels.Sign, 0, params[i])))
	}
}
