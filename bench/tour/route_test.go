//go:build !purego

package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestRoute takes the tour with a few samples: every command line of it works, and
// shows something. Portable kernels are too slow for it.
func TestRoute(t *testing.T) {
	if testing.Short() {
		t.Skip("short: a tour takes half a minute of a processor")
	}
	dir := t.TempDir()
	binary, folder := filepath.Join(dir, "hourglass"), filepath.Join(dir, "tour")
	if out, err := exec.Command("go", "build", "-o", binary, "../../cmd/hourglass").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var log bytes.Buffer
	if err := run(context.Background(), []string{"--quick", "--hourglass", binary, "--out", folder}, &log); err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	page, err := os.ReadFile(filepath.Join(folder, indexName))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range route("builtin") {
		for _, s := range c.stops {
			out := strings.Split(s.line, " --out ")
			if name := strings.Fields(out[len(out)-1])[0]; len(out) > 1 && !strings.Contains(string(page), "]("+name) {
				t.Errorf("%s: %s is not shown", s.line, name)
			}
		}
	}
	for _, what := range []string{"precision@10", "accuracy of logistic regression", "PSNR of compress", "AUROC"} {
		if !strings.Contains(string(page), "| "+what) {
			t.Errorf("the table of figures lacks %s", what)
		}
	}
}
