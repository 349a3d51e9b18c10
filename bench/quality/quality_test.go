package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hourglass/models"
)

const configs = "../../models/configs"

// TestRows: every row has a configuration of its name, which describes a model,
// and a row that begins with another's weights comes after it.
func TestRows(t *testing.T) {
	seen := map[string]bool{"": true}
	for _, r := range table {
		s, err := readConfig(filepath.Join(configs, r.name+".toml"))
		if err != nil {
			t.Error(err)
			continue
		}
		if s.Data == "shapes" {
			s.Model.Image = [3]int{32, 32, 3}
		}
		if _, err := models.New(s.Model); err != nil {
			t.Errorf("%s: %v", r.name, err)
		}
		if !seen[r.from] || seen[r.name] {
			t.Errorf("%s comes twice, or before %q, which it begins with", r.name, r.from)
		}
		seen[r.name] = true
	}
}

// TestRunsAreKept trains a row once, takes the run as it is the second time, and
// refuses a run of other settings.
func TestRunsAreKept(t *testing.T) {
	dir := t.TempDir()
	text, err := os.ReadFile(filepath.Join(configs, "linear-2.toml"))
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(dir, "linear-2.toml"), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	short := "data = \"series\"\n" + strings.Replace(string(text), "epochs = 10", "epochs = 1\nlimit = 300", 1)
	write(short)
	args := []string{"--configs", dir, "--runs", filepath.Join(dir, "runs"), "--out", filepath.Join(dir, "table"), "--threads", "1", "--row", "linear-2"}
	measured := func() (table, kept string) {
		t.Helper()
		var out, progress bytes.Buffer
		if err := run(context.Background(), args, &out, &progress); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, "table.json"))
		if err != nil {
			t.Fatal(err)
		}
		return out.String(), string(text)
	}
	first, kept := measured()
	if !strings.Contains(first, "| linear, k = 2 | test mse | ") || !strings.Contains(first, "1 epochs of 297") {
		t.Errorf("the table is\n%s", first)
	}
	if again, keptAgain := measured(); again != first || keptAgain != kept {
		t.Errorf("measured again the table is\n%s\nfirst\n%s", again, first)
	}
	write(strings.Replace(short, "limit = 300", "limit = 301", 1))
	err = run(context.Background(), args, &bytes.Buffer{}, &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "limit is 300, want 301") {
		t.Errorf("a run of other settings: %v", err)
	}
}

func TestWrongFlags(t *testing.T) {
	for _, args := range [][]string{{"--row", "none"}, {"linear"}, {"--nothing"}} {
		if err := run(context.Background(), args, &bytes.Buffer{}, &bytes.Buffer{}); err == nil {
			t.Errorf("%v is taken", args)
		}
	}
}
