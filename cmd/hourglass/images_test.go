package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hourglass/models/export"
)

// trained trains a small model for a moment and returns its folder.
func trained(t *testing.T, data string, more ...string) string {
	t.Helper()
	run := filepath.Join(t.TempDir(), "run")
	mustCall(t, append([]string{"train", "--data", data, "--batch", "16", "--epochs", "1", "--threads", "1", "--out", run}, more...)...)
	return run
}

// pipe runs a command line with the given standard input, and wants it to work.
func pipe(t *testing.T, stdin string, args ...string) (stdout string) {
	t.Helper()
	var out, err bytes.Buffer
	if status := run(args, strings.NewReader(stdin), &out, &err); status != 0 || err.Len() > 0 {
		t.Fatalf("hourglass %s: status %d: %s", strings.Join(args, " "), status, err.String())
	}
	return out.String()
}

// summaryOf runs a command with --json and returns what it prints.
func summaryOf(t *testing.T, args ...string) map[string]any {
	t.Helper()
	stdout, stderr := mustCall(t, append(args, "--json")...)
	var object map[string]any
	if err := json.Unmarshal([]byte(stdout), &object); err != nil || stderr != "" {
		t.Fatalf("%s --json: %v\n%s%s", strings.Join(args, " "), err, stdout, stderr)
	}
	return object
}

// wantNPY checks the shape that an NPY tells, and its length.
func wantNPY(t *testing.T, content string, shape ...int) {
	t.Helper()
	size, text := 1, strings.Trim(strings.Join(strings.Fields(fmt.Sprint(shape)), ", "), "[]")
	for _, n := range shape {
		size *= n
	}
	if len(content) != 128+4*size || !strings.Contains(content[:128], "("+text+")") {
		t.Errorf("an array of %d bytes that begins with %q, want the shape (%s)", len(content), content[:min(128, len(content))], text)
	}
}

// TestWrongStandardInput: the error names it, not its copy, and nothing of that
// stays behind.
func TestWrongStandardInput(t *testing.T) {
	r, spool := trained(t, smallData(t, 50, 20), "--model", "dense", "--hidden", "12", "--latent", "3"), t.TempDir()
	t.Setenv("TMPDIR", spool)
	for _, args := range [][]string{
		{"decode", r, "--codes", "-", "--out", filepath.Join(r, "x.png")},
		{"encode", r, "--data", "-", "--out", filepath.Join(r, "x.npy")},
		{"data", "info", "-"},
	} {
		var stdout, stderr bytes.Buffer
		status := run(args, strings.NewReader("1,2,3"), &stdout, &stderr)
		if got := stderr.String(); status != exitFailure || !strings.Contains(got, "standard input: want an NPY header") || strings.Contains(got, spool) || strings.Contains(got, "fetch") {
			t.Errorf("%v: status %d: %s", args, status, got)
		}
		if left, err := os.ReadDir(spool); len(left) > 0 || err != nil {
			t.Errorf("%v: left behind: %v, %v", args, left, err)
		}
	}
	text := pipe(t, readFile(t, arrayOf(t, r)), "encode", r, "--data", "-", "--out", filepath.Join(r, "x.npy"))
	if !strings.Contains(text, "20 codes of 3 numbers of standard input in") {
		t.Errorf("encode says %q", text)
	}
}

// arrayOf writes the reconstructions of a run and returns the path of the array.
func arrayOf(t *testing.T, run string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.npy")
	mustCall(t, "reconstruct", run, "--out", path)
	return path
}

// TestCodes: codes go to files of all forms and come back from them, and through
// a pipe, to the same images.
func TestCodes(t *testing.T) {
	run, dir := trained(t, smallData(t, 50, 20), "--model", "dense", "--hidden", "12", "--latent", "3"), t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"z.npy", "z.npz", "z.csv"} {
		mustCall(t, "encode", run, "--out", in(name))
		mustCall(t, "decode", run, "--codes", in(name), "--out", in(name)+".npy")
	}
	mustCall(t, "reconstruct", run, "--out", in("x.npy"))
	want := readFile(t, in("x.npy"))
	wantNPY(t, want, 20, 8, 8, 1)
	wantNPY(t, readFile(t, in("z.npy")), 20, 3)
	codes := pipe(t, "", "encode", run, "--out", "-")
	if codes != readFile(t, in("z.npy")) {
		t.Error("standard output gets other codes than a file")
	}
	for what, got := range map[string]string{
		"npy": readFile(t, in("z.npy.npy")), "npz": readFile(t, in("z.npz.npy")), "csv": readFile(t, in("z.csv.npy")),
		"a pipe": pipe(t, codes, "decode", run, "--codes", "-", "--out", "-"),
	} {
		if got != want {
			t.Errorf("codes by %s decode to something else than reconstruct writes", what)
		}
	}
	mustCall(t, "encode", run, "--labels", "--limit", "3", "--out", in("l.csv"))
	if lines := strings.Split(readFile(t, in("l.csv")), "\n"); len(lines) != 5 || lines[0] != "z0,z1,z2,label" || !strings.HasSuffix(lines[2], ",1") {
		t.Errorf("a table with labels:\n%s", strings.Join(lines, "\n"))
	}
	mustCall(t, "decode", run, "--codes", in("l.csv"), "--out", in("l.npy"))
	wantNPY(t, readFile(t, in("l.npy")), 3, 8, 8, 1)
	mustCall(t, "encode", run, "--labels", "--out", in("l.npz"))
	if !strings.Contains(readFile(t, in("l.npz")), "labels.npy") {
		t.Error("no labels in the .npz")
	}
	if s := summaryOf(t, "decode", run, "--codes", in("z.npy"), "--out", in("p.png"), "--limit", "5"); s["count"] != 5.0 || s["out"] != in("p.png") {
		t.Errorf("summary %v", s)
	}
	checkPNG(t, in("p.png"), 0)

	// Samples by a pipe: what is decoded is encoded again.
	again := pipe(t, want, "encode", run, "--data", "-", "--out", "-")
	wantNPY(t, again, 20, 3)
	wantNPY(t, pipe(t, "", "encode", run, "--data", in("x.npy"), "--out", "-", "--limit", "7"), 7, 3)

	writeFile(t, in("bad.csv"), []byte("1,2,3\n1,two,3\n"))
	writeFile(t, in("few.csv"), []byte("1,2\n"))
	for _, c := range []struct {
		args   []string
		status int
		pieces []string
	}{
		{[]string{"encode", run}, exitUsage, []string{"--out", "x.npy"}},
		{[]string{"encode", run, "--out", in("z.jpg")}, exitUsage, []string{"x.csv"}},
		{[]string{"encode", run, "--out", in("no/z.npy")}, exitUsage, []string{"no folder"}},
		{[]string{"encode", run, "--out", "-", "--json"}, exitUsage, []string{"--json"}},
		{[]string{"encode", run, "--labels", "--out", in("l.npy")}, exitUsage, []string{"x.csv"}},
		{[]string{"encode", run, "--data", in("z.xyz"), "--out", in("q.npy")}, exitFailure, []string{"z.xyz", "no such file"}},
		{[]string{"encode", run, "--data", "bultin", "--out", in("q.npy")}, exitUsage, []string{"unknown data set"}},
		{[]string{"encode", run, "--data", in("bad.csv"), "--out", in("q.npy")}, exitFailure, nil},
		{[]string{"decode", run, "--out", in("q.npy")}, exitUsage, []string{"--codes"}},
		{[]string{"decode", run, "--codes", in("bad.csv"), "--out", in("q.npy")}, exitFailure, []string{"line 2", `"two"`}},
		{[]string{"decode", run, "--codes", in("few.csv"), "--out", in("q.npy")}, exitFailure, []string{"of 2 numbers", "of 3"}},
		{[]string{"decode", run, "--codes", in("x.npy"), "--out", in("q.npy")}, exitFailure, []string{"[n d]"}},
		{[]string{"decode", run, "--codes", in("none.npy"), "--out", in("q.npy")}, exitFailure, []string{"none.npy"}},
	} {
		wantFailure(t, c.args, c.status, c.pieces...)
		if _, err := os.Stat(in("q.npy")); err == nil {
			t.Errorf("%v leaves a file", c.args)
		}
	}
}

// TestRestoring denoises and fills in, with and without clean images.
func TestRestoring(t *testing.T) {
	data, dir := smallData(t, 50, 20), t.TempDir()
	run := trained(t, data, "--model", "dense", "--hidden", "12", "--latent", "3", "--denoise", "square:3")
	plain := trained(t, data, "--model", "dense", "--hidden", "12", "--latent", "3")
	in := func(name string) string { return filepath.Join(dir, name) }
	mask := image.NewGray(image.Rect(0, 0, 8, 8))
	mask.SetGray(2, 3, color.Gray{255})
	var b bytes.Buffer
	if err := png.Encode(&b, mask); err != nil {
		t.Fatal(err)
	}
	writeFile(t, in("mask.png"), b.Bytes())

	mustCall(t, "denoise", run, "--out", in("d.png"))
	checkPNG(t, in("d.png"), 0)
	s := summaryOf(t, "denoise", run, "--corrupt", "gaussian:0.2", "--out", in("d.npy"))
	before, ok := s["before"].(map[string]any)
	if !ok || s["after"] == nil || !(before["psnr"].(float64) > 5) || before["ssim"] != nil {
		t.Errorf("quality of 8×8 images: %v", s)
	}
	wantNPY(t, readFile(t, in("d.npy")), 20, 8, 8, 1)
	if again, _ := mustCall(t, "denoise", run, "--data", in("d.npy"), "--out", in("e")); strings.Contains(again, "dB") {
		t.Errorf("nobody knows the clean images, and the quality is told: %s", again)
	}
	checkPNG(t, filepath.Join(in("e"), "07.png"), 8)
	if s := summaryOf(t, "denoise", run, "--data", in("d.npy"), "--clean", data, "--out", in("f.npy")); s["after"] == nil {
		t.Errorf("clean images are known: %v", s)
	}

	for _, m := range []string{"", "half:left", "pixels:0.5", in("mask.png")} {
		args := []string{"inpaint", run, "--out", in("i.npy")}
		if m != "" {
			args = append(args, "--mask", m)
		}
		if s := summaryOf(t, args...); s["before"] == nil || s["count"] != 20.0 {
			t.Errorf("mask %q: %v", m, s)
		}
	}
	mustCall(t, "reconstruct", run, "--data", in("i.npy"), "--out", in("r.npy"))
	mustCall(t, "inpaint", run, "--out", in("i.png"))
	checkPNG(t, in("i.png"), 0)

	for _, c := range []struct {
		args   []string
		status int
		pieces []string
	}{
		{[]string{"denoise", plain, "--out", in("q.npy")}, exitUsage, []string{"was not trained", "--corrupt", "--data"}},
		{[]string{"denoise", run, "--corrupt", "gaussain:1", "--out", in("q.npy")}, exitUsage, []string{"--corrupt", "did you mean gaussian"}},
		{[]string{"denoise", run, "--data", in("d.npy"), "--clean", smallData(t, 50, 45), "--out", in("q.npy")}, exitFailure, []string{"--clean: 45 samples of", "want as many"}},
		{[]string{"denoise", run, "--data", in("d.npy"), "--clean", smallData(t, 50, 45), "--out", in("q.png")}, exitFailure, []string{"--clean: 45 samples of", "want as many"}},
		{[]string{"denoise", run, "--corrupt", "half", "--clean", data, "--out", in("q.npy")}, exitUsage, []string{"leave one out"}},
		{[]string{"denoise", run, "--data", in("d.npy"), "--limit", "20", "--clean", data + "x", "--out", in("q.npy")}, exitFailure, []string{"--clean"}},
		{[]string{"inpaint", plain, "--out", in("q.npy")}, exitUsage, []string{"--mask"}},
		{[]string{"inpaint", run, "--mask", "gaussian:0.1", "--out", in("q.npy")}, exitUsage, []string{"takes nothing away"}},
		{[]string{"inpaint", run, "--mask", "square:9", "--out", in("q.npy")}, exitUsage, []string{"larger than the 8×8 image"}},
		{[]string{"inpaint", run, "--mask", in("d.png"), "--out", in("q.npy")}, exitFailure, []string{"want 8×8"}},
		{[]string{"inpaint", run, "--mask", in("no.png"), "--out", in("q.npy")}, exitFailure, []string{"no.png"}},
		{[]string{"colorize", run, "--out", in("q.npy")}, exitUsage, []string{"--model colorization"}},
	} {
		wantFailure(t, c.args, c.status, c.pieces...)
	}
}

// TestColours colours a folder of small pictures.
func TestColours(t *testing.T) {
	dir := t.TempDir()
	for i := range 24 {
		im := image.NewNRGBA(image.Rect(0, 0, 12, 12))
		for k := range 144 {
			im.SetNRGBA(k%12, k/12, color.NRGBA{uint8(10 * i), uint8(20 * (k % 12)), uint8(20 * (k / 12)), 255})
		}
		var b bytes.Buffer
		if err := png.Encode(&b, im); err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(dir, fmt.Sprintf("%02d.png", i)), b.Bytes())
	}
	run := trained(t, "images:"+dir, "--model", "colorization", "--network", "dense", "--hidden", "12", "--latent", "4")
	out := filepath.Join(t.TempDir(), "c")
	for _, ending := range []string{".png", ".npy", ""} {
		s := summaryOf(t, "colorize", run, "--data", dir, "--out", out+ending)
		if q, ok := s["after"].(map[string]any); !ok || q["ssim"] == nil {
			t.Errorf("%s: %v", ending, s)
		}
	}
	wantNPY(t, readFile(t, out+".npy"), 24, 12, 12, 3)
	checkPNG(t, filepath.Join(out, "23.png"), 12)
	one, _ := mustCall(t, "encode", run, "--data", filepath.Join(dir, "03.png"), "--out", out+".csv")
	if !strings.Contains(one, "1 codes of 4 numbers") {
		t.Errorf("one picture: %s", one)
	}
}

// TestLatentSpace interpolates, traverses, draws planes and samples.
func TestLatentSpace(t *testing.T) {
	data, dir := smallData(t, 50, 20), t.TempDir()
	vae := trained(t, data, "--model", "vae", "--hidden", "12", "--latent", "3")
	dense := trained(t, data, "--model", "dense", "--hidden", "12", "--latent", "1")
	in := func(name string) string { return filepath.Join(dir, name) }
	npy := func(shape []int, args ...string) {
		t.Helper()
		out := in("x.npy")
		mustCall(t, append(args, "--out", out)...)
		wantNPY(t, readFile(t, out), shape...)
	}
	npy([]int{8, 10, 8, 8, 1}, "interpolate", vae)
	npy([]int{2, 5, 8, 8, 1}, "interpolate", vae, "--images", "3,4,3,5", "--steps", "5", "--spherical")
	mustCall(t, "encode", vae, "--limit", "6", "--out", in("z.npy"))
	npy([]int{3, 10, 8, 8, 1}, "interpolate", vae, "--codes", in("z.npy"))
	npy([]int{3, 9, 8, 8, 1}, "traverse", vae)
	npy([]int{1, 4, 8, 8, 1}, "traverse", vae, "--units", "2", "--steps", "4", "--image", "5", "--range", "2")
	npy([]int{400, 8, 8, 1}, "manifold", vae)
	npy([]int{9, 8, 8, 1}, "manifold", vae, "--axes", "2,0", "--side", "3")
	npy([]int{200, 8, 8, 1}, "sample", vae, "--n", "200")
	npy([]int{5, 8, 8, 1}, "sample", vae, "--n", "5", "--fit")
	npy([]int{5, 8, 8, 1}, "sample", dense, "--n", "5", "--fit", "--split", "train")
	for _, args := range [][]string{{"interpolate"}, {"traverse"}, {"manifold", "--side", "4"}} {
		mustCall(t, append([]string{args[0], vae, "--out", in("p.png")}, args[1:]...)...)
		checkPNG(t, in("p.png"), 0)
	}
	for _, command := range []string{"interpolate", "traverse"} {
		mustCall(t, command, vae, "--out", in("p.gif"))
		film, err := gif.DecodeAll(strings.NewReader(readFile(t, in("p.gif"))))
		if err != nil || len(film.Image) < 16 {
			t.Errorf("%s: a film of %d frames, %v", command, len(film.Image), err)
		}
	}
	if s := summaryOf(t, "manifold", vae, "--out", in("p.png")); fmt.Sprint(s["axes"]) != "[component 1 component 2]" {
		t.Errorf("manifold: %v", s)
	}
	if s := summaryOf(t, "traverse", vae, "--out", in("p.png")); len(s["units"].([]any)) != 3 || len(s["steps"].([]any)) != 9 {
		t.Errorf("traverse: %v", s)
	}
	for _, c := range []struct {
		args   []string
		pieces []string
	}{
		{[]string{"interpolate", vae, "--steps", "1"}, []string{"--steps"}},
		{[]string{"interpolate", vae, "--images", "1,2,3"}, []string{"pairs"}},
		{[]string{"interpolate", vae, "--images", "1,20"}, []string{"image 20", "0 to 19"}},
		{[]string{"interpolate", vae, "--images", "1,2", "--codes", "z.npy"}, []string{"leave one out"}},
		{[]string{"traverse", vae, "--units", "3"}, []string{"0 to 2"}},
		{[]string{"traverse", vae, "--image", "20"}, []string{"0 to 19"}},
		{[]string{"traverse", vae, "--units", "one"}, []string{"whole numbers such as 3,7"}},
		{[]string{"manifold", dense}, []string{"one unit", "traverse"}},
		{[]string{"manifold", vae, "--axes", "1"}, []string{"two"}},
		{[]string{"sample", dense}, []string{"no prior", "--fit"}},
	} {
		wantFailure(t, append(c.args, "--out", in("q.png")), exitUsage, c.pieces...)
	}
}

// TestWayToFit: what can be done about samples of another shape.
func TestWayToFit(t *testing.T) {
	for _, c := range []struct {
		got, want []int
		piece     string
	}{
		{[]int{1, 28, 28}, []int{28, 28, 1}, "layout=nchw"},
		{[]int{48, 64, 3}, []int{28, 30, 1}, "size=30x28,grey"},
		{[]int{48, 64, 3}, []int{28, 30, 3}, "size=30x28"},
	} {
		if got := wayToFit(c.got, c.want); !strings.HasSuffix(got, c.piece) {
			t.Errorf("samples %v for a model of %v: %q, want %s", c.got, c.want, got, c.piece)
		}
	}
	if got := wayToFit([]int{1, 1, 7}, []int{1, 1, 5}); got != "" {
		t.Errorf("a table of another width: %q", got)
	}
}

// TestQuantised: a vqvae has no distribution to draw from, and says so.
func TestQuantised(t *testing.T) {
	run := trained(t, smallData(t, 50, 20), "--model", "vqvae", "--latent", "4", "--codebook", "8")
	out := filepath.Join(t.TempDir(), "x.png")
	wantFailure(t, []string{"sample", run, "--fit", "--out", out}, exitUsage, "vqvae", "codebook", "train a vae")
	for _, command := range []string{"traverse", "manifold"} {
		wantFailure(t, []string{command, run, "--out", out}, exitUsage, "vqvae", "codebook", "train a vae")
	}
	wantFailure(t, []string{"compress", run, "--bits", "4", "--out", filepath.Join(filepath.Dir(out), "x.hgz")}, exitUsage, "--bits and --step", "vqvae", "leave them out")
	mustCall(t, "interpolate", run, "--pairs", "1", "--out", out)
}

// TestSeries: windows go through every command, in the unit of their file.
func TestSeries(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	var table strings.Builder
	table.WriteString("level\n")
	for i := range 400 {
		fmt.Fprintf(&table, "%d\n", 1000+i*i%37)
	}
	writeFile(t, in("s.csv"), []byte(table.String()))
	run := trained(t, "csv:"+in("s.csv")+",window=16", "--model", "sequence", "--latent", "3")
	for _, args := range [][]string{{"reconstruct"}, {"sample", "--fit"}, {"interpolate", "--pairs", "2"}, {"traverse"}, {"manifold", "--side", "3"}, {"denoise", "--corrupt", "gaussian:0.1"}} {
		for _, ending := range []string{"png", "npy"} {
			mustCall(t, append([]string{args[0], run, "--out", in("x." + ending)}, args[1:]...)...)
		}
		content := readFile(t, in("x.npy"))
		if v := lastFloat(content); v < 900 || v > 1100 {
			t.Errorf("%s writes %g, want numbers about 1018 as in the file", args[0], v)
		}
	}
	mustCall(t, "reconstruct", run, "--raw", "--out", in("x.npy"))
	if v := lastFloat(readFile(t, in("x.npy"))); v < -1 || v > 2 {
		t.Errorf("--raw writes %g", v)
	}
	// A plain file is cut as the run's, and scaled as that was.
	writeFile(t, in("high.csv"), []byte("level\n"+strings.Repeat("1018\n1019\n", 16)))
	mustCall(t, "reconstruct", run, "--data", in("high.csv"), "--out", in("x.csv"))
	if lines := strings.Split(readFile(t, in("x.csv")), "\n"); len(lines) != 4 || !strings.HasPrefix(lines[0], "x0,x1,") {
		t.Errorf("two windows of 16:\n%s", strings.Join(lines, "\n"))
	}
}

// TestSound: sound goes in and comes out as WAV files.
func TestSound(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	for name, rate := range map[string]int{"a.wav": 8000, "fast.wav": 16000} {
		var b bytes.Buffer
		f, err := export.NewWAV(&b, rate, 1, 500, 1)
		if err != nil {
			t.Fatal(err)
		}
		frames := make([]float32, 500)
		for i := range frames {
			frames[i] = float32(math.Sin(float64(i) / 5))
		}
		if err := f.Write(frames); err != nil {
			t.Fatal(err)
		}
		writeFile(t, in(name), b.Bytes())
	}
	run := trained(t, "wav:"+in("a.wav")+",window=32", "--model", "sequence", "--latent", "3")
	for _, c := range []struct {
		args   []string
		frames int
	}{
		{[]string{"denoise", "--data", in("a.wav")}, 32 + 16*29}, // half a window from one to the next
		{[]string{"reconstruct", "--data", in("a.wav"), "--limit", "3"}, 64},
		{[]string{"sample", "--fit", "--n", "5"}, 160},
	} {
		mustCall(t, append([]string{c.args[0], run, "--out", in("out.wav")}, c.args[1:]...)...)
		if content := readFile(t, in("out.wav")); len(content) != 44+2*c.frames || !strings.HasPrefix(content, "RIFF") {
			t.Errorf("%v: a file of %d bytes, want %d frames", c.args, len(content), c.frames)
		}
	}
	wantFailure(t, []string{"reconstruct", run, "--data", in("fast.wav"), "--out", in("q.wav")}, exitUsage, "16000", "8000", "rate=8000")
	series := trained(t, "series", "--model", "sequence", "--limit", "20")
	wantFailure(t, []string{"reconstruct", series, "--out", in("q.wav")}, exitUsage, "no sound")
}

// lastFloat reads the last element of an NPY of float32.
func lastFloat(content string) float32 {
	return math.Float32frombits(binary.LittleEndian.Uint32([]byte(content[len(content)-4:])))
}

// TestStandardInputTwice: what a command reads twice comes from a pipe too.
func TestStandardInputTwice(t *testing.T) {
	run, dir := trained(t, smallData(t, 50, 20), "--model", "dense", "--hidden", "12", "--latent", "3"), t.TempDir()
	x, out := filepath.Join(dir, "x.npy"), filepath.Join(dir, "t.npy")
	mustCall(t, "reconstruct", run, "--out", x)
	pipe(t, readFile(t, x), "traverse", run, "--data", "-", "--image", "3", "--out", out)
	wantNPY(t, readFile(t, out), 3, 9, 8, 8, 1)
	_, note := mustCall(t, "denoise", run, "--data", x, "--out", out)
	if !strings.Contains(note, "not trained to undo noise") || !strings.Contains(note, "--denoise") {
		t.Errorf("a model that was not trained to denoise notes %q", note)
	}
	wantFailure(t, []string{"denoise", run, "--data", "-", "--clean", "-", "--quiet", "--out", out}, exitUsage, "one of them")
}
