package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// environment makes a virtual environment whose Python is a script. A peer that
// asks for its versions gets none.
func environment(t *testing.T, script string) Peers {
	t.Helper()
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "bin"), 0o777); err != nil {
		t.Fatal(err)
	}
	text := "#!/bin/sh\n[ $1 = -c ] && exit 1\n" + script
	if err := os.WriteFile(filepath.Join(folder, pythonProgram), []byte(text), 0o777); err != nil {
		t.Fatal(err)
	}
	return Peers{Environment: folder}
}

// answers is a peer that has the given loss and whose steps take 50 ms. It
// fails unless it finds what it is to work with.
func answers(loss float64) string {
	return fmt.Sprintf(`[ -f $1 ] && [ -s $2/weights.safetensors ] && [ -s $2/images.safetensors ] || exit 1
echo ready
while read command n; do
	case $command in
	steps) echo value %.9g;;
	window) echo ms 50 60;;
	quit) exit;;
	esac
done
`, loss)
}

func TestCompareTakesTurns(t *testing.T) {
	o := quick(t, "dense")
	s := subjectOf(t, "dense")
	for range checkSteps {
		if err := s.step(); err != nil {
			t.Fatal(err)
		}
	}
	loss, err := s.value()
	if err != nil {
		t.Fatal(err)
	}
	r, err := Compare(context.Background(), o, environment(t, answers(loss*1.0005)))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Comparisons) != 8 || len(r.Results) != 1 {
		t.Fatalf("%d comparisons and %d results, want PyTorch's four modes with two mallocs, and one", len(r.Comparisons), len(r.Results))
	}
	for _, c := range r.Comparisons {
		if c.Skipped != "" || len(c.Ratios) != o.Windows {
			t.Fatalf("%+v: want as many ratios as windows", c)
		}
		if c.MSBest != 50 || c.MSMedian != 60 || c.RatioBest != 50/c.OursMSBest || !(c.OursMSMedian > 0) {
			t.Errorf("%+v: times do not match", c)
		}
		if low, high := 60/c.OursMSMedian/100, 60/c.OursMSMedian*100; !(c.RatioMedian > low && c.RatioMedian < high) {
			t.Errorf("%+v: the median ratio is far from that of the medians", c)
		}
	}
	hardest, mode, ok := r.Hardest("dense", "PyTorch", OfMedians)
	for _, c := range r.Comparisons {
		if !ok || c.RatioMedian < hardest {
			t.Errorf("%s at %g is harder than %s at %g", c.Mode, c.RatioMedian, mode, hardest)
		}
	}
}

func TestCompareRefusesAnotherLoss(t *testing.T) {
	o := quick(t, "encode-1")
	var progress bytes.Buffer
	o.Progress = &progress
	r, err := Compare(context.Background(), o, environment(t, answers(7)))
	if !errors.Is(err, ErrDiffers) || r == nil {
		t.Fatalf("error %v and report %v, want ErrDiffers and a report", err, r)
	}
	for _, c := range r.Comparisons {
		if !strings.HasPrefix(c.Skipped, "losses differ: 7 after 20 steps, ours ") || c.RatioBest != 0 {
			t.Errorf("%+v: want no figures and why", c)
		}
	}
	if len(r.Results) != 1 || !(r.Results[0].MSBest > 0) {
		t.Errorf("results %+v, want our own all the same", r.Results)
	}
	if !strings.Contains(progress.String(), "ONNX Runtime : skipped: losses differ") {
		t.Errorf("progress is %q", progress.String())
	}
}

func TestCompareSkipsByName(t *testing.T) {
	r, err := Compare(context.Background(), quick(t, "encode-1"), environment(t, "echo error ImportError: no torch\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range r.Comparisons {
		if !strings.HasSuffix(c.Skipped, "ImportError: no torch") {
			t.Errorf("%+v: want the peer's own words", c)
		}
	}
	_, err = Compare(context.Background(), quick(t, "encode-1"), Peers{Environment: filepath.Join(t.TempDir(), "nowhere")})
	if err == nil || !strings.Contains(err.Error(), "nowhere is not the folder of a virtual environment; make bench makes one") {
		t.Errorf("error %v", err)
	}
}

// example is a report of two workloads.
func example() *Report {
	return &Report{
		Date:     "2026-01-31",
		Machine:  Machine{CPU: "ACME(R) Octo @ 2.5GHz", Cores: 2, Kernels: "avx2", Caches: "L1 32K", MemoryGiB: 8, OS: "linux/amd64", Go: "go1.26"},
		Versions: map[string]string{"torch": "2.15.0", "numpy": "2"},
		Threads:  2, Windows: 5, Precision: "float32",
		Results: []Result{{"dense", "cpu", "float32", 2, 1, 2, 128000, 142.5, 285, 0.5, 17}},
		Comparisons: []Comparison{
			{Workload: "dense", Peer: "PyTorch", Mode: "eager", MSBest: 4, MSMedian: 5, OursMSBest: 1, OursMSMedian: 2, RatioBest: 2, RatioMedian: 2.5, Ratios: []float64{2, 2.5, 3}, Loss: 0.1, OursLoss: 0.1},
			{Workload: "dense", Peer: "PyTorch", Mode: "compile", MSBest: 3, MSMedian: 4, OursMSBest: 1, OursMSMedian: 2, RatioBest: 3, RatioMedian: 2, PeakMemoryMB: 800, Loss: 0.1, OursLoss: 0.1},
			{Workload: "seed-conv", Peer: "gomlx", Skipped: "not installed: a|b"},
			{Workload: "seed-conv", Peer: "Gorgonia", MSBest: 100, MSMedian: 100, OursMSBest: 200, OursMSMedian: 200, RatioBest: 0.5, RatioMedian: 0.5},
		},
	}
}

func TestMarkdown(t *testing.T) {
	var b bytes.Buffer
	if err := example().WriteMarkdown(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"ACME(R) Octo @ 2.5GHz, 2 cores, L1 32K, 8 GiB; kernels avx2; linux/amd64, go1.26; 2 threads, float32, 5 windows",
		"torch 2.15.0\n",
		"| dense    | 2       | 1.00    | 2.00      | 128000   | 142     | 285  | 50.0% | 17        |\n",
		"| dense     | PyTorch  | 2.00×        | compile | 2.00×          | eager   |\n",
		"| seed-conv | gomlx    | no figures   |",
		"skipped: not installed: a/b",
		"| dense     | PyTorch  | eager   | 4.00 | 5.00   | 1.00     | 2.00       | 2.00×          | 2.50×        | 0         | 0.1, 0.1                    |\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, b.String())
		}
	}
}

func TestReportAsJSONComesBack(t *testing.T) {
	text, err := json.Marshal(example())
	if err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if got, err := json.Marshal(back); err != nil || !bytes.Equal(got, text) {
		t.Errorf("%s and back is %s (%v)", text, got, err)
	}
}

func TestPlot(t *testing.T) {
	var b bytes.Buffer
	if err := example().WritePNG(&b); err != nil {
		t.Fatal(err)
	}
	im, err := png.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	// The bars of 2× and ½× meet in the middle, on opposite sides of 1×.
	inked := 0
	for y := range im.Bounds().Dy() {
		for x := range im.Bounds().Dx() {
			if r, g, b, _ := im.At(x, y).RGBA(); r>>8 == 0 && g>>8 == 114 && b>>8 == 178 {
				inked++
			}
		}
	}
	if share := float64(inked) / float64(im.Bounds().Dx()*im.Bounds().Dy()); share < 0.02 || share > 0.5 {
		t.Errorf("%.3f of the picture is bars, want some", share)
	}
	if err := (&Report{}).WritePNG(&b); err == nil || err.Error() != "bench: plot: no comparison has figures" {
		t.Errorf("error %v of an empty plot", err)
	}
}

func TestFileName(t *testing.T) {
	if got := example().FileName(); got != "acme-r-octo-2-5ghz-2026-01-31" {
		t.Errorf("file name %q", got)
	}
}
