package graph

import (
	"strings"
	"testing"

	"hourglass/kernels"
)

// TestProfile asks for times of a training step that runs depth first.
func TestProfile(t *testing.T) {
	costs := schedules["two samples"]
	tr := newTrainingWith(t, convNet(t, kernels.Float32), kernels.Adam{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}, 0, Options{costs: &costs})
	tr.feed(t, 0)
	if tr.p.Profile() != nil {
		t.Error("there are times before StartProfile")
	}
	tr.p.StartProfile()
	for range 3 {
		if err := tr.p.Run(); err != nil {
			t.Fatal(err)
		}
	}
	flops := int64(0)
	seen := map[string]bool{}
	for _, s := range tr.p.Profile() {
		flops += s.Flops
		if s.Runs != 3 {
			t.Errorf("%s: %d runs, want 3", s.Step, s.Runs)
		}
		if s.Time > 0 {
			seen[strings.Fields(s.Step)[0]] = true
		}
	}
	if flops != tr.p.Flops() {
		t.Errorf("the steps have %d operations, the program %d", flops, tr.p.Flops())
	}
	for _, name := range []string{"conv2d{Stride:[2", "conv2dfiltergrad{Stride:[2", "moments{Axes:{0", "adam{Beta1:0.9", "sums"} {
		if !seen[name] {
			t.Errorf("no time for %s in\n%s", name, ProfileTable(tr.p.Profile()))
		}
	}
	if n := testing.AllocsPerRun(3, func() { tr.p.Run() }); n != 0 {
		t.Errorf("a profiled step allocates %v times", n)
	}
}
