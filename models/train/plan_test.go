package train

import (
	"strings"
	"testing"
)

// TestPlan reads the training step: the batch, not the tail, and the update.
func TestPlan(t *testing.T) {
	plan, err := newTrainer(t, smallModel(t, "dense"), small).Plan()
	if err != nil {
		t.Fatal(err)
	}
	for _, piece := range []string{"[8 8 8 1]", "gather", "update:", "adam"} {
		if !strings.Contains(plan, piece) {
			t.Errorf("the plan lacks %q:\n%s", piece, plan)
		}
	}
}
