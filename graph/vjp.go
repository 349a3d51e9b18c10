package graph

import (
	"fmt"

	"gorgonia.org/gorgonia"
)

// VJP returns the vector-Jacobian products Σ_k dyₖᵀ·∂yₖ/∂xⱼ for each node of
// by: one backward pass, built of nodes by the rules of rules.go. Unlike
// gorgonia.Grad it may be used any number of times on a graph, starts at any
// node with any vector, and its result can be differentiated again, as a
// contractive penalty wants. A node of by that no y depends on yields nil. The
// paths from by to ys must consist of Specs.
func VJP(b *Builder, ys, dys, by []*Node) []*Node {
	if b.err != nil {
		return make([]*Node, len(by))
	}
	order, err := between(b.g, ys, by)
	if err != nil {
		b.Fail("graph: vjp: %w", err)
		return make([]*Node, len(by))
	}
	grad := map[*Node]*Node{}
	add := func(n, g *Node) {
		if have := grad[n]; have != nil {
			g = b.Add(have, g)
		}
		grad[n] = g
	}
	for i, y := range ys {
		if !b.ShapeOf(y).Equal(b.ShapeOf(dys[i])) {
			b.Fail("graph: vjp: the vector for %v has shape %v, want %v", y, dys[i].Shape(), y.Shape())
			return make([]*Node, len(by))
		}
		add(y, dys[i])
	}
	for _, n := range order {
		dy := grad[n.node]
		if dy == nil || !n.active {
			continue
		}
		spec, _ := SpecOf(n.node)
		for i, g := range gradients(b, spec, n.in, n.node, dy) {
			if g != nil && n.through[i] {
				add(n.in[i], g)
			}
		}
	}
	out := make([]*Node, len(by))
	for i, n := range by {
		out[i] = grad[n]
	}
	return out
}

// visited is a node on the way back from the results.
type visited struct {
	node    *Node
	in      []*Node
	through []bool // operands that have a gradient and depend on a node of by
	active  bool   // there is one
}

// between returns the nodes that the results depend on, each before its
// operands.
func between(g *gorgonia.ExprGraph, ys, by []*Node) ([]visited, error) {
	wanted := map[*Node]bool{}
	for _, n := range by {
		wanted[n] = true
	}
	depends := map[*Node]bool{}
	seen := map[*Node]bool{}
	var order []visited
	var visit func(n *Node) error
	visit = func(n *Node) error {
		if seen[n] {
			return nil
		}
		seen[n] = true
		if err := checkPresent(g, n); err != nil {
			return err
		}
		v := visited{node: n, in: operands(g, n)}
		spec, ok := SpecOf(n)
		for i, in := range v.in {
			if err := visit(in); err != nil {
				return err
			}
			reaches := (wanted[in] || depends[in]) && !(ok && noGradient(spec, i))
			v.through = append(v.through, reaches)
			v.active = v.active || reaches
		}
		depends[n] = v.active
		if v.active && !ok {
			return fmt.Errorf("%v is an operation without a rule: want only Specs on the way", n)
		}
		order = append(order, v)
		return nil
	}
	for _, y := range ys {
		if err := visit(y); err != nil {
			return nil, err
		}
	}
	for i, j := 0, len(order)-1; i < j; i, j = i+1, j-1 {
		order[i], order[j] = order[j], order[i]
	}
	return order, nil
}

// checkPresent returns an error unless n is the node that the graph has under
// n's id. Gorgonia removes nodes that it replaces by others, such as x + 1 in
// log(x + 1), and then confuses the ids of those made before.
func checkPresent(g *gorgonia.ExprGraph, n *Node) error {
	if g.Node(n.ID()).(*Node) != n {
		return fmt.Errorf("%v is not in its graph under its id any more: Gorgonia merged it with another node, or removed it or one made before it", n)
	}
	return nil
}

// operands returns the nodes that n is computed from, in order.
func operands(g *gorgonia.ExprGraph, n *Node) []*Node {
	var in []*Node
	for it := g.From(n.ID()); it.Next(); {
		in = append(in, it.Node().(*Node))
	}
	return in
}
