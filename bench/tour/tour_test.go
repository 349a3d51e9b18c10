package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// asCommand in the environment makes this program stand in for hourglass: see stand.
const asCommand = "HOURGLASS_TOUR_STANDS"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		os.Exit(stand(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// stand does what hourglass does for a tour: say writes its words to standard
// output, count the length of standard input to a file, and fail fails.
func stand(args []string) int {
	switch args[0] {
	case "say":
		fmt.Print(strings.Join(args[1:], " "))
	case "count":
		text, err := io.ReadAll(os.Stdin)
		if err == nil {
			err = os.WriteFile(args[1], fmt.Appendf(nil, "%d", len(text)), 0o666)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	case "fail":
		fmt.Fprintln(os.Stderr, "hourglass: it cannot be done")
		return 1
	}
	return 0
}

// TestVisit: commands run in the folder, joined by pipes, and the files that they
// make are known.
func TestVisit(t *testing.T) {
	t.Setenv(asCommand, "1")
	folder := t.TempDir()
	v, err := visit(context.Background(), os.Args[0], folder, stop{line: "hourglass say four | hourglass count four.csv"})
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(folder, "four.csv")); string(text) != "4" || !slices.Equal(v.files, []string{"four.csv"}) {
		t.Errorf("the pipe made %v with %q, %v", v.files, text, err)
	}
	if v, err = visit(context.Background(), os.Args[0], folder, stop{line: "hourglass say to four.csv"}); err != nil || v.stdout != "to four.csv" || v.files != nil {
		t.Errorf("a file that was there before is told as new: %v, %q, %v", v.files, v.stdout, err)
	}
	for _, line := range []string{"hourglass fail", "hourglass fail | hourglass count x", "hourglass say x | hourglass fail"} {
		_, err := visit(context.Background(), os.Args[0], folder, stop{line: line})
		if err == nil || !strings.Contains(err.Error(), line) || !strings.Contains(err.Error(), "it cannot be done") {
			t.Errorf("%s: %v", line, err)
		}
	}
}

// TestTourFails: the first command that fails ends the tour, and the page of what
// came before is left; a folder of something else stays as it is.
func TestTourFails(t *testing.T) {
	t.Setenv(asCommand, "1")
	folder := filepath.Join(t.TempDir(), "tour")
	args := []string{"--quick", "--hourglass", os.Args[0], "--out", folder}
	err := run(context.Background(), args, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "reading what it printed") {
		t.Errorf("a tour of commands that print nothing: %v", err)
	}
	page, err := os.ReadFile(filepath.Join(folder, indexName))
	if err != nil || !strings.Contains(string(page), "hourglass data info builtin") {
		t.Errorf("the page is %q, %v", page, err)
	}
	if err := os.WriteFile(filepath.Join(folder, indexName), []byte("# My notes\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := run(context.Background(), args, io.Discard); err == nil || !strings.Contains(err.Error(), "something else than an earlier tour") {
		t.Errorf("into a folder of notes: %v", err)
	}
	if err := run(context.Background(), []string{"builtin"}, io.Discard); err == nil {
		t.Error("an argument is taken")
	}
}

// TestIndex: pictures are embedded, other files and what was printed are told.
func TestIndex(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"a.png", "b.csv"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("12345"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	b := &index{folder: folder, data: "builtin"}
	b.open(chapter{title: "Pictures", about: "Of things."})
	if err := b.add(visited{stop: stop{line: "hourglass draw", seen: "A thing."}, stdout: "a < b\n", files: []string{"a.png", "b.csv"}}); err != nil {
		t.Fatal(err)
	}
	printed := `{"count": [10, 5], "probes": [{"features": "codes", "dim": 2, "test": 0.5}, {"features": "pixels", "dim": 9, "test": 0.25}]}`
	if err := b.add(visited{stop: stop{line: "hourglass probe", figures: probes}, stdout: printed}); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(folder, indexName))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"## Pictures\n\nOf things.", "hourglass draw\n```\n\nA thing.", "a &lt; b", "![a.png](a.png)", "[b.csv](b.csv), 5 bytes",
		"| accuracy of logistic regression on 2 codes, fitted to 10 | 50.0 % | 25.0 % on 9 pixels |"} {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
}

func TestWithin(t *testing.T) {
	for spec, want := range map[string]string{"builtin": "builtin", "builtin:seed=2": "builtin:seed=2", "mnist:/a": "mnist:/a", "mnist:x/y": "mnist:../x/y", "emnist:e,part=digits": "emnist:../e,part=digits"} {
		if got, err := within("tour", spec); got != want || err != nil {
			t.Errorf("%s is %s in the folder, want %s, %v", spec, got, want, err)
		}
	}
}
