package train

import "testing"

// TestProfile trains for an epoch and asks where the time of its full batches
// went.
func TestProfile(t *testing.T) {
	tr := newTrainer(t, smallModel(t, "dense"), small)
	if err := tr.StartProfile(); err != nil {
		t.Fatal(err)
	}
	mustRun(t, tr, RunOptions{})
	times := tr.Profile()
	if len(times) == 0 {
		t.Fatal("no times")
	}
	for _, s := range times {
		if s.Runs == 0 {
			t.Errorf("%s never ran", s.Step)
		}
	}
}
