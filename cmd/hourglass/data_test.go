package main

import (
	"encoding/json"
	"fmt"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// sheet is a CSV file of rows with a label.
func sheet(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("heat,speed,kind\n")
	for i := range 40 {
		fmt.Fprintf(&b, "%d,%d,%s\n", i, 100-i, []string{"calm", "wild"}[i%2])
	}
	path := filepath.Join(t.TempDir(), "sheet.csv")
	writeFile(t, path, []byte(b.String()))
	return path
}

func TestDataInfo(t *testing.T) {
	path := sheet(t)
	spec := "csv:" + path + ",label=kind,test=0"
	out, _ := mustCall(t, "data", "info", spec)
	for _, want := range []string{
		spec, "train  40 samples [1 1 2] of float32, 320 bytes in memory", "values from 0 to 1, mean 0.5",
		"0 and 1 stand for 0 and 39, 61 and 100", "2 classes: calm 20, wild 20", "test   40 samples",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	picture := filepath.Join(t.TempDir(), "x.png")
	out, _ = mustCall(t, "data", "info", "builtin", "--split", "test", "--limit", "20", "--json", "--out", picture)
	var about dataInfo
	if err := json.Unmarshal([]byte(out), &about); err != nil {
		t.Fatal(err)
	}
	p := about.Parts[0]
	if len(about.Parts) != 1 || p.Split != "test" || p.Samples != 10000 || p.Shape != [3]int{28, 28, 1} || p.Elements != "uint8" || len(p.Classes) != 10 || p.Max != 1 {
		t.Errorf("builtin: %+v", about)
	}
	f, err := os.Open(picture)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if im, err := png.Decode(f); err != nil || im.Bounds().Dx() < 280 || im.Bounds().Dy() < 280 {
		t.Errorf("the picture: %v", err)
	}
	// A bare file, streamed because it may not be held.
	out, _ = mustCall(t, "data", "info", "csv:"+path+",label=kind,window=4,stride=2", "--memory", "8B", "--split", "train")
	if !strings.Contains(out, "17 samples [1 4 2] of float32, 544 bytes streamed") {
		t.Errorf("windows:\n%s", out)
	}
	wantFailure(t, []string{"data", "info", "csv:" + path}, 1, "sheet.csv", "line 2, column 3 (kind)", "skip=kind")
	wantFailure(t, []string{"data", "info", "cvs:" + path}, 2, "unknown data set", "csv:FILE")
	wantFailure(t, []string{"data", "info", spec, "--out", "x.jpg"}, 2, "x.jpg", ".png")
	wantFailure(t, []string{"data", "info", spec, "--split", "dev"}, 2, "train or test")
	wantFailure(t, []string{"data", "fetsch"}, 2, "fetch or info")
}

// TestDataInfoOfPlainFiles: a file or folder without a kind is what train takes
// with one.
func TestDataInfoOfPlainFiles(t *testing.T) {
	dir, run := t.TempDir(), smallRun(t, smallData(t, 50, 30))
	array, folder, rows := filepath.Join(dir, "a,b.npy"), filepath.Join(dir, "pictures"), filepath.Join(dir, "rows.csv")
	mustCall(t, "reconstruct", run, "--out", array)
	mustCall(t, "reconstruct", run, "--out", folder)
	writeFile(t, rows, []byte("x,y\n1,2\n3,4\n5,6\n7,8\n9,0\n9,9\n9,9\n9,9\n9,9\n9,9\n"))
	for path, spec := range map[string]string{
		array:                           "npy:" + filepath.Join(dir, "a,,b.npy"),
		folder:                          "images:" + folder,
		filepath.Join(folder, "00.png"): "images:" + filepath.Join(folder, "00.png"),
		rows:                            "csv:" + rows,
	} {
		got, _ := mustCall(t, "data", "info", path)
		want, _ := mustCall(t, "data", "info", spec)
		if got != want || !strings.HasPrefix(got, spec+"\n") {
			t.Errorf("data info %s:\n%swant\n%s", path, got, want)
		}
	}
	wantFailure(t, []string{"data", "info", filepath.Join(run, configName)}, exitUsage, "config.toml: a file of what?", "x.npy")
}

func TestSpread(t *testing.T) {
	if got := spread(10, 4); !slices.Equal(got, []int32{0, 2, 5, 7}) {
		t.Errorf("4 of 10 are %v", got)
	}
	if got := spread(3, 9); !slices.Equal(got, []int32{0, 1, 2}) {
		t.Errorf("9 of 3 are %v", got)
	}
}

func TestDataFetch(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	dir := t.TempDir()
	wantFailure(t, []string{"data", "fetch", "kmnist", dir, "--from", server.URL}, 1,
		"train-images-idx3-ubyte.gz cannot be downloaded", "404 Not Found", "t10k-labels-idx1-ubyte.gz elsewhere from "+server.URL, "put them into "+dir)
	wantFailure(t, []string{"data", "fetch", "kmnits", dir}, 2, `"kmnits"`, "did you mean kmnist?")
	wantFailure(t, []string{"data", "fetch", "kmnist"}, 2, "a folder")
}

func TestByteSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0 bytes", 999: "999 bytes", 1500: "1.5 kB", 47040000: "47.0 MB", 3e12: "3.0 TB", 9e15: "9000.0 TB"} {
		if got := byteSize(n); got != want {
			t.Errorf("byteSize(%d) = %q, want %q", n, got, want)
		}
	}
}
