package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// mainEnv makes the test binary act as hourglass, for tests that send signals
// or limit a process.
const mainEnv = "HOURGLASS_TEST_AS_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(mainEnv) != "" {
		limitFiles()
		main()
	}
	os.Exit(m.Run())
}

// call runs a command line in this process.
func call(args ...string) (status int, stdout, stderr string) {
	var out, err bytes.Buffer
	status = run(args, strings.NewReader(""), &out, &err)
	return status, out.String(), err.String()
}

// mustCall is call for a command line that has to work.
func mustCall(t *testing.T, args ...string) (stdout, stderr string) {
	t.Helper()
	status, stdout, stderr := call(args...)
	if status != 0 {
		t.Fatalf("hourglass %s: status %d: %s", strings.Join(args, " "), status, stderr)
	}
	return stdout, stderr
}

// wantFailure checks the status, and that the last line of stderr is an error
// that holds the pieces, the only one if nothing precedes it.
func wantFailure(t *testing.T, args []string, status int, pieces ...string) {
	t.Helper()
	got, stdout, stderr := call(args...)
	line := strings.Join(args, " ")
	if got != status || stdout != "" {
		t.Errorf("hourglass %s: status %d, stdout %q; want %d and nothing\n%s", line, got, stdout, status, stderr)
	}
	wantErrorLine(t, line, stderr, pieces...)
}

func wantErrorLine(t *testing.T, line, stderr string, pieces ...string) {
	t.Helper()
	last := strings.TrimSuffix(stderr, "\n")
	last = last[strings.LastIndex(last, "\n")+1:]
	if strings.Count(stderr, "hourglass: ") != 1 || !strings.HasPrefix(last, "hourglass: ") {
		t.Errorf("hourglass %s: want one line of error at the end, got\n%s", line, stderr)
	}
	for _, piece := range pieces {
		if !strings.Contains(last, piece) {
			t.Errorf("hourglass %s: the error lacks %q:\n%s", line, piece, last)
		}
	}
}

// smallData writes MNIST's four files with a few 8×8 images and returns their
// specification.
func smallData(t *testing.T, train, test int) string {
	t.Helper()
	dir := t.TempDir()
	for prefix, n := range map[string]int{"train": train, "t10k": test} {
		var images, labels []byte
		for _, v := range []uint32{0x803, uint32(n), 8, 8} {
			images = binary.BigEndian.AppendUint32(images, v)
		}
		for _, v := range []uint32{0x801, uint32(n)} {
			labels = binary.BigEndian.AppendUint32(labels, v)
		}
		for i := range n {
			for k := range 64 {
				y, x := k/8-i%5-1, k%8-i%7
				images = append(images, byte(max(0, 255-60*(y*y+x*x))))
			}
			labels = append(labels, byte(i%10))
		}
		writeFile(t, filepath.Join(dir, prefix+"-images-idx3-ubyte"), images)
		writeFile(t, filepath.Join(dir, prefix+"-labels-idx1-ubyte"), labels)
	}
	return "mnist:" + dir
}

func writeFile(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o666); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// small are flags of a training that takes milliseconds.
func small(data, out string, more ...string) []string {
	return append([]string{"train", "--model", "dense", "--hidden", "12", "--latent", "3", "--data", data,
		"--batch", "16", "--epochs", "2", "--validation", "0.2", "--lr", "0.01", "--out", out}, more...)
}

// TestHelp compares what each command says of itself with a golden file; go
// test -update writes those.
func TestHelp(t *testing.T) {
	for _, command := range []string{"", "train", "eval", "encode", "decode", "reconstruct", "denoise", "inpaint", "colorize",
		"sample", "interpolate", "traverse", "manifold", "models", "plan", "info",
		"compress", "decompress", "anomaly", "search", "probe", "project", "field", "filters"} {
		var args []string
		name := "hourglass"
		if command != "" {
			args, name = []string{"help", command}, command
		}
		got, stderr := mustCall(t, args...)
		if command == "train" {
			if !strings.Contains(got, modelList()) {
				t.Error("train's help does not list the models")
			}
			got = strings.Replace(got, modelList(), "(the models)", 1)
		}
		path := filepath.Join("testdata", "help", name+".txt")
		if *update {
			writeFile(t, path, []byte(got))
		}
		if diff := cmp.Diff(readFile(t, path), got); diff != "" || stderr != "" {
			t.Errorf("help of %s (−want +got):\n%s%s", name, diff, stderr)
		}
		if command != "" {
			if flag, _ := mustCall(t, command, "--help"); strings.Replace(flag, modelList(), "(the models)", 1) != got {
				t.Errorf("hourglass %s --help is not hourglass help %s", command, command)
			}
		}
	}
}

func TestRecovered(t *testing.T) {
	err := recovered(func() error { panic("index out of range\nsecond line") })
	var line bytes.Buffer
	report(&line, err)
	if statusOf(err) != exitFailure {
		t.Errorf("a panic has status %d", statusOf(err))
	}
	wantErrorLine(t, "a panic", line.String(), "this is a bug", "index out of range second line", "report")
	if own := errors.New("x"); recovered(func() error { return own }) != own {
		t.Error("an error does not pass through")
	}
}

func TestSuggestions(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{"trian", "; did you mean train?"}, {"evla", "; did you mean eval?"}, {"sampel", "; did you mean sample?"},
		{"xyzzy", ""}, {"", ""},
	} {
		if got := didYouMean(c.got, []string{"train", "eval", "sample", "info"}, ""); got != c.want {
			t.Errorf("didYouMean(%q) = %q, want %q", c.got, got, c.want)
		}
	}
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "abc", 3}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"kitten", "sitting", 3}} {
		if got := editDistance(c.a, c.b); got != c.want {
			t.Errorf("editDistance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
