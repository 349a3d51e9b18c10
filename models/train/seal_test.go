package train

import (
	"runtime"
	"testing"

	"hourglass/graph"
	"hourglass/models"
)

// TestCheckpointIsStreamed saves and resumes a state of 64 MB, of which no copy may
// be made, and no bit be lost.
func TestCheckpointIsStreamed(t *testing.T) {
	m, err := models.New(models.Config{Name: "dense", Image: [3]int{8, 8, 1}, Hidden: []int{30000}, Latent: 2})
	if err != nil {
		t.Fatal(err)
	}
	folder, cfg := t.TempDir(), Config{Epochs: 1, Batch: 32, EMADecay: 0.5}
	tr, again := newTrainer(t, m, cfg), newTrainer(t, m, cfg)
	mustRun(t, tr, RunOptions{})
	state := int64(0)
	for _, a := range stateOf(t, tr) {
		state += 4 * int64(len(a.Data))
	}
	for what, f := range map[string]func() error{
		"Save":     func() error { return tr.Save(folder) },
		"saveBest": func() error { return tr.saveBest(folder, Epoch{}) },
	} {
		if took := taken(t, f); took > state/5 {
			t.Errorf("%s took %d bytes of memory for a state of %d", what, took, state)
		}
	}
	resume := func() error { _, err := again.Resume(folder); return err }
	if took := taken(t, resume); took > state/5 {
		t.Errorf("Resume took %d bytes of memory for a state of %d", took, state)
	}
	checkSame(t, "resumed", stateOf(t, again), stateOf(t, tr))
	weights, err := graph.Arrays(tr.Variables().Weights())
	if err != nil {
		t.Fatal(err)
	}
	checkSame(t, "best", bestOf(t, folder), weights)
}

// taken returns the bytes that f allocates.
func taken(t *testing.T, f func() error) int64 {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := f(); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}
