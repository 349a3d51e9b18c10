package graph

import (
	"cmp"
	"fmt"
	"strings"

	"hourglass/kernels"
)

// String returns the program as a table: the number of each step, its
// operation, its result's type, shape and place, and what it reads. Places are
// byte offsets in the arena that all results share.
func (p *Program) String() string {
	var b strings.Builder
	launches := len(p.plan.steps)
	fmt.Fprintf(&b, "%d launches on %s, %s for results\n", launches, p.dev.Name(), byteCount(p.arena))
	for i, s := range p.plan.steps {
		if i == p.compute {
			b.WriteString("update:\n")
		}
		if s.segment != nil {
			s.segment.print(&b, i)
			continue
		}
		s.print(&b, fmt.Sprintf("%3d", i), s.out.where())
	}
	return b.String()
}

// print writes a step's line.
func (s *step) print(b *strings.Builder, number, where string) {
	names := make([]string, len(s.in))
	for k, v := range s.in {
		names[k] = v.label()
	}
	fmt.Fprintf(b, "%s  %-14s %-28s ← %s  (%s)\n", number, s.out.label(), s.out.operand.String()+where, s.describe(), strings.Join(names, ", "))
}

// print writes a segment's lines. A place that begins with ~ is in the memory
// of a thread, + is a sum over the batch.
func (g *segment) print(b *strings.Builder, number int) {
	fmt.Fprintf(b, "%3d  depth first: %d of %d samples at a time, %s a thread, sums in %d parts\n", number, g.size, g.n, byteCount(g.thread), g.groups)
	for _, s := range g.steps {
		where := s.out.where()
		switch {
		case s.sum != nil:
			where = " +" + where
		case s.out.memory.place == byThread:
			where = fmt.Sprintf(" ~%d", s.out.memory.offset)
		}
		s.step.print(b, "   ", where)
	}
}

// label returns the name of a value in a plan, which is its memory's.
func (v *value) label() string { return v.root().name }

// where returns a value's place in the arena.
func (v *value) where() string {
	if r := v.root(); r.home == inArena {
		return fmt.Sprintf(" @%d", r.offset)
	}
	return ""
}

// describe returns what a step does.
func (s *step) describe() string {
	if s.host != nil {
		return "gorgonia " + s.host.String()
	}
	return describe(s.spec)
}

// describe returns a Spec's name and options.
func describe(s kernels.Spec) string {
	s = withStride(s)
	options := fmt.Sprintf("%+v", s)
	switch s := s.(type) {
	case kernels.Map:
		return "map " + s.Fused.String()
	case kernels.Unary:
		return withConstantA(s.Name(), s.A)
	case kernels.Binary:
		return withConstantA(s.Name(), s.A)
	}
	if e, ok := epilogueOf(s); ok {
		options = fmt.Sprintf("%+v", withEpilogue(s, kernels.Epilogue{}))
		options = strings.Replace(options, fmt.Sprintf(" Epilogue:%+v", kernels.Epilogue{}), "", 1)
		return s.Name() + options + epilogueText(e)
	}
	if options == "{}" {
		options = ""
	}
	return s.Name() + options
}

// withStride returns a Spec with the stride that its zeros stand for: 1, or in
// pooling the size of a window.
func withStride(s kernels.Spec) kernels.Spec {
	switch s := s.(type) {
	case kernels.Conv2D:
		s.Stride = orElse(s.Stride, [2]int{1, 1})
		return s
	case kernels.Conv2DInputGrad:
		s.Stride = orElse(s.Stride, [2]int{1, 1})
		return s
	case kernels.Conv2DFilterGrad:
		s.Stride = orElse(s.Stride, [2]int{1, 1})
		return s
	case kernels.MaxPool2D:
		s.Stride = orElse(s.Stride, s.Kernel)
		return s
	case kernels.MaxPool2DGrad:
		s.Stride = orElse(s.Stride, s.Kernel)
		return s
	case kernels.MaxPool2DSelect:
		s.Stride = orElse(s.Stride, s.Kernel)
		return s
	case kernels.AvgPool2D:
		s.Stride = orElse(s.Stride, s.Kernel)
		return s
	case kernels.AvgPool2DGrad:
		s.Stride = orElse(s.Stride, s.Kernel)
		return s
	}
	return s
}

// orElse returns the numbers of a that are not 0, and those of b for the others.
func orElse(a, b [2]int) [2]int { return [2]int{cmp.Or(a[0], b[0]), cmp.Or(a[1], b[1])} }

func withConstantA(name string, a float64) string {
	if a != 0 {
		return fmt.Sprintf("%s %g", name, a)
	}
	return name
}

func epilogueText(e kernels.Epilogue) string {
	s := ""
	if e.Bias {
		s += " +bias"
	}
	if e.Fn != kernels.Copy {
		s += " " + withConstantA(e.Fn.String(), e.A)
	}
	if e.Grad != kernels.Copy {
		s += " " + withConstantA(e.Grad.String(), e.A)
	}
	return s
}

// byteCount returns a size in a unit that reads well.
func byteCount(n int) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d bytes", n)
}
