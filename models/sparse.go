package models

import (
	"fmt"
	"strconv"
	"strings"

	"hourglass/graph"
	"hourglass/kernels"
)

// sparsity is a penalty on the activations a of the code [N z].
//
// l1 is Weight·Σ|a|, summed over the units, mean over the batch. kl is
// Weight·Σ_j KL(ρ‖ρ̂_j) of Bernoulli distributions, ρ̂_j being the mean of unit j
// over the batch: ρ ln(ρ/ρ̂_j) + (1−ρ) ln((1−ρ)/(1−ρ̂_j)) in nats (Ng, CS294A
// lecture notes: Sparse autoencoder, 2011). It wants units in (0, 1).
type sparsity struct {
	kind   string
	target float64 // ρ
	weight float64
}

// defaultSparsityWeight is the weight of kl beside a loss that is a mean over
// pixels.
const defaultSparsityWeight = 0.001

// parseSparsity reads a Config's Sparsity.
func parseSparsity(text string) (s sparsity, err error) {
	parts := strings.Split(text, ":")
	if err := choose("sparsity", parts[0], "l1", "kl"); err != nil {
		return s, err
	}
	s.kind, s.weight = parts[0], defaultSparsityWeight
	numbers, form := []*float64{&s.weight}, "l1:WEIGHT, such as l1:1e-4"
	if s.kind == "kl" {
		numbers, form = []*float64{&s.target, &s.weight}, "kl:RHO or kl:RHO:WEIGHT, such as kl:0.05:0.001"
	}
	if len(parts) < 2 || len(parts) > 1+len(numbers) {
		return s, fmt.Errorf("sparsity %q: want %s", text, form)
	}
	for i, part := range parts[1:] {
		if *numbers[i], err = strconv.ParseFloat(part, 64); err != nil {
			return s, fmt.Errorf("sparsity %q: %q is not a number; want %s", text, part, form)
		}
	}
	if !(s.weight > 0 && s.weight <= 1e6) {
		return s, fmt.Errorf("sparsity %s: weight %g, want above 0 and at most 1e6", s.kind, s.weight)
	}
	if s.kind == "kl" && !(s.target > 0 && s.target < 1) {
		return s, fmt.Errorf("sparsity kl: rho %g, want above 0 and below 1; 0.05 is the usual", s.target)
	}
	return s, nil
}

// penalty returns the penalty of codes [N z] without its weight.
func (s sparsity) penalty(b *graph.Builder, code *graph.Node) *graph.Node {
	if s.kind == "kl" {
		return KLSparsity(b, s.target, code)
	}
	return SumPerImage.reduce(b, b.Fn(kernels.Abs, 0, code))
}

// KLSparsity is Σ_j KL(ρ‖ρ̂_j) in nats, ρ̂_j the mean of unit j of codes [N z] in
// (0, 1) over the batch. ρ̂_j counts as at least 1e-6 and at most 1−1e-6.
func KLSparsity(b *graph.Builder, rho float64, code *graph.Node) *graph.Node {
	if b.Err() == nil && (!(rho > 0 && rho < 1) || len(b.ShapeOf(code)) != 2) {
		return b.Fail("kl sparsity: rho %g and codes %v, want above 0 and below 1, and [N z]", rho, b.ShapeOf(code))
	}
	mean := b.Fn(kernels.ClampMax, 1-1e-6, b.Fn(kernels.ClampMin, 1e-6, b.Mean(code, 0)))
	// Division first: a unit that is at its target counts exactly 0.
	ratio := func(target float64, mean *graph.Node) *graph.Node {
		return b.Scale(-target, b.Fn(kernels.Log, 0, b.Scale(1/target, mean)))
	}
	return b.Sum(b.Add(ratio(rho, mean), ratio(1-rho, complement(b, mean))))
}
