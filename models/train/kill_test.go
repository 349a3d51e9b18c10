package train

import (
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// go test ./models/train -run TestKill -kills 20
var kills = flag.Int("kills", 2, "how often TestKill kills a training process of each model")

// victim is the environment variable that tells a child process of TestKill
// what to train: MODEL:FOLDER.
const victim = "HOURGLASS_TEST_TRAIN"

// long is a run whose checkpoints take most of its time, so that many kills hit
// one being written.
var long = Config{Epochs: 30, Batch: 8, Seed: 9, EMADecay: 0.9}

// TestVictim is what TestKill's child processes run.
func TestVictim(t *testing.T) {
	name, folder, ok := strings.Cut(os.Getenv(victim), ":")
	if !ok {
		t.Skip("only TestKill runs it, in a process of its own")
	}
	tr := newTrainer(t, smallModel(t, name), long)
	if _, err := os.Stat(filepath.Join(folder, CheckpointName)); err == nil {
		if _, err := tr.Resume(folder); err != nil {
			t.Fatal(err)
		}
	} else if _, err := os.Stat(filepath.Join(folder, PreviousName)); err == nil {
		if _, err := tr.Resume(folder); err != nil {
			t.Fatal(err)
		}
	}
	mustRun(t, tr, RunOptions{Folder: folder, CheckpointSteps: 2})
}

// TestKill kills training processes at random moments and resumes them until
// they are done. The last weights must be those of a run in peace.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	for name := range smallModels {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			began := time.Now()
			if killed := train(t, name, folder, time.Minute); killed {
				t.Fatal("a run in peace took more than a minute")
			}
			whole := time.Since(began)
			want := resumed(t, name, folder)
			var at []string // where the kills found the run
			for killed, runs := 0, 0; killed < *kills; runs++ {
				folder := t.TempDir()
				for train(t, name, folder, rand.N(whole/2)) {
					killed++
					at = append(at, where(folder))
				}
				checkSameRun(t, name, resumed(t, name, folder), want)
				checkOnlyOurs(t, folder)
				if runs > 10**kills {
					t.Fatalf("%d runs were killed only %d times", runs, killed)
				}
			}
			t.Logf("killed behind step %s", strings.Join(at, ", "))
		})
	}
}

// train runs a process that trains in a folder, and reports whether it had to
// be killed after a while or had come to its end.
func train(t *testing.T, name, folder string, after time.Duration) (killed bool) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var output strings.Builder
	child := exec.Command(program, "-test.run=^TestVictim$")
	child.Env = append(os.Environ(), victim+"="+name+":"+folder)
	child.Stdout, child.Stderr = &output, &output
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { child.Process.Kill() })
	defer timer.Stop()
	switch err := child.Wait(); {
	case err == nil:
		return false
	case child.ProcessState.Exited(): // by itself, with an error
		t.Fatalf("%v\n%s", err, output.String())
	}
	return true
}

// resumed returns a trainer in the state of a folder's newest checkpoint, which
// must be that of a run that is done.
func resumed(t *testing.T, name, folder string) *Trainer {
	t.Helper()
	tr := newTrainer(t, smallModel(t, name), long)
	if _, err := tr.Resume(folder); err != nil {
		t.Fatal(err)
	}
	if !tr.Done() {
		t.Fatalf("the run is not done: %+v", tr.at)
	}
	return tr
}

// where returns the step of a folder's newest checkpoint, with a mark for each
// sign of a save that was cut short.
func where(folder string) string {
	var at progress
	file, err := openCheckpoint(filepath.Join(folder, CheckpointName))
	mark := ""
	if err != nil {
		mark = "'"
		file, err = openCheckpoint(filepath.Join(folder, PreviousName))
	}
	if err != nil {
		return "0"
	}
	defer file.close()
	if json.Unmarshal([]byte(file.metadata["progress"]), &at) != nil {
		return "0"
	}
	if left, _ := filepath.Glob(filepath.Join(folder, ".hourglass-*")); len(left) > 0 {
		mark += "*"
	}
	return strconv.Itoa(at.Step) + mark
}

// checkOnlyOurs fails the test when killed processes have left files behind.
func checkOnlyOurs(t *testing.T, folder string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		switch e.Name() {
		case CheckpointName, PreviousName, BestName:
		default:
			t.Errorf("%s was left behind", e.Name())
		}
	}
}
