package main

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"": 0, "1": 1, "500MB": 500e6, "1.5GiB": 3 << 29, "2 KiB": 2048, "7B": 7, "3TB": 3e12,
		"1kB": 1000, "1k": 1000, "500M": 500e6, "479.1 kB": 479100, "2g": 2e9, "2gb": 2e9, "1mib": 1 << 20, "4T": 4e12, "999 bytes": 999,
	} {
		if got, err := parseSize(text); err != nil || got != want {
			t.Errorf("%q is %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"0", "-1GB", "GB", "1PB", "NaN", "1e300TB", "12 apples"} {
		if n, err := parseSize(text); !errors.As(err, new(usageError)) {
			t.Errorf("%q is %d, %v, want a usage error", text, n, err)
		}
	}
}

// TestStreamedRun trains on a set that is larger than --memory: the same losses
// as with it in memory, also after a resume with it there.
func TestStreamedRun(t *testing.T) {
	dir, data := t.TempDir(), smallData(t, 200, 20)
	held, streamed := filepath.Join(dir, "held"), filepath.Join(dir, "streamed")
	mustCall(t, small(data, held, "--epochs", "4")...)
	_, stderr := mustCall(t, small(data, streamed, "--epochs", "2", "--memory", "1KB")...)
	if !strings.Contains(stderr, "the data set is streamed") {
		t.Errorf("nothing tells of streaming: %s", stderr)
	}
	mustCall(t, "train", "--resume", "--out", streamed, "--epochs", "4", "--memory", "1GB")
	sameRun(t, streamed, held)
	a, _ := mustCall(t, "eval", held, "--json")
	b, _ := mustCall(t, "eval", streamed, "--json", "--memory", "1KB")
	if a != b {
		t.Errorf("eval says %s of the streamed set, %s of that in memory", b, a)
	}
	wantFailure(t, small(data, filepath.Join(dir, "x"), "--memory", "much"), exitUsage, "much", "500MB")
}

// TestBrokenImages trains on a folder of colour images, of which two are no
// images: they are left out and counted, or an error.
func TestBrokenImages(t *testing.T) {
	dir := t.TempDir()
	for i := range 40 {
		im := image.NewRGBA(image.Rect(0, 0, 8, 8))
		for k := range 64 {
			im.Set(k%8, k/8, color.RGBA{uint8(4 * k), uint8(6 * i), uint8(255 - 4*k), 255})
		}
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("%02d.png", i)))
		if err != nil {
			t.Fatal(err)
		}
		if err := png.Encode(f, im); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	whole, err := os.ReadFile(filepath.Join(dir, "07.png"))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"07.png": whole[:len(whole)-30], "09.png": []byte("no image at all")} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := filepath.Join(t.TempDir(), "run")
	for _, memory := range []string{"1GB", "1KB"} {
		_, stderr := mustCall(t, small("images:"+dir, run+memory, "--memory", memory, "--limit", "30")...)
		for _, piece := range []string{"07.png", "09.png", "broken samples"} {
			if !strings.Contains(stderr, piece) {
				t.Errorf("with %s of memory %q lacks %q", memory, stderr, piece)
			}
		}
		mustCall(t, "eval", run+memory, "--json")
	}
	wantFailure(t, small("images:"+dir, run+"strict", "--strict"), exitFailure, ".png")
}
