package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// jsonOf runs a command with --json and reads what it prints.
func jsonOf(t *testing.T, args ...string) map[string]any {
	t.Helper()
	stdout, _ := mustCall(t, append(args, "--json")...)
	var v map[string]any
	if err := json.Unmarshal([]byte(stdout), &v); err != nil {
		t.Fatalf("hourglass %s --json: %v:\n%s", strings.Join(args, " "), err, stdout)
	}
	return v
}

// smallRun returns the folder of a small run.
func smallRun(t *testing.T, data string, more ...string) string {
	t.Helper()
	run := filepath.Join(t.TempDir(), "run")
	mustCall(t, small(data, run, more...)...)
	return run
}

// table reads a table of comma-separated values: names and lines.
func table(t *testing.T, path string) (names []string, lines [][]string) {
	t.Helper()
	for i, line := range strings.Split(strings.TrimSpace(readFile(t, path)), "\n") {
		if i == 0 {
			names = strings.Split(line, ",")
			continue
		}
		lines = append(lines, strings.Split(line, ","))
	}
	return names, lines
}

// checkSVG fails unless a file is a vector picture that has the texts.
func checkSVG(t *testing.T, path string, texts ...string) {
	t.Helper()
	content := readFile(t, path)
	for _, want := range append(texts, "<svg", "</svg>") {
		if !strings.Contains(content, want) {
			t.Errorf("%s lacks %q", path, want)
		}
	}
}

func TestAnomaly(t *testing.T) {
	data, dir := smallData(t, 60, 40), t.TempDir()
	run := smallRun(t, data)
	detector := filepath.Join(dir, "detector.json")
	told := jsonOf(t, "anomaly", "fit", run, "--class", "3,4", "--quantile", "0.9", "--out", detector)
	if told["samples"] != 12.0 || told["quantile"] != 0.9 || told["score"] != "mse" || !strings.Contains(told["data"].(string), "train") {
		t.Errorf("anomaly fit tells %v, want 12 training samples of two classes", told)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	score := []string{"anomaly", "score", run, "--detector", detector, "--normal", "3,4", "--out", at("scores.csv")}
	told = jsonOf(t, append(score, "--heatmaps", at("maps.png"), "--histogram", at("h.svg"), "--roc", at("roc.svg"), "--pr", at("pr.png"))...)
	names, lines := table(t, at("scores.csv"))
	if strings.Join(names, " ") != "index score anomaly label" || len(lines) != 40 || lines[39][0] != "39" || lines[39][3] != "9" {
		t.Errorf("a table of %v and %d lines", names, len(lines))
	}
	above := 0
	for _, l := range lines {
		if l[2] == "1" {
			above++
		}
	}
	if told["anomalies"] != float64(above) || told["count"] != 40.0 {
		t.Errorf("anomaly score tells %v, the table has %d anomalies of %d", told, above, len(lines))
	}
	for _, name := range []string{"auroc", "auprc", "recall"} {
		if v, ok := told[name].(float64); !ok || v < 0 || v > 1 {
			t.Errorf("%s is %v", name, told[name])
		}
	}
	checkPNG(t, at("maps.png"), 0)
	checkPNG(t, at("pr.png"), 0)
	checkSVG(t, at("h.svg"), "normal (8)", "anomalous (32)", "threshold", "mean squared error")
	checkSVG(t, at("roc.svg"), "area", "false positive rate")

	text, _ := mustCall(t, append(score, "--heatmaps", at("maps.npy"))...)
	if content := readFile(t, at("maps.npy")); !strings.Contains(content[:128], "(40, 8, 8)") || !strings.Contains(text, "auroc") {
		t.Errorf("%q, and the array begins with %q", text, content[:128])
	}
	mustCall(t, append(score, "--heatmaps", at("maps"))...)
	checkPNG(t, filepath.Join(at("maps"), "39.png"), 8)
	stdout, _ := mustCall(t, "anomaly", "score", run, "--detector", detector, "--out", "-", "--limit", "3")
	if strings.Count(stdout, "\n") != 4 || !strings.HasPrefix(stdout, "index,score,anomaly,label\n0,") {
		t.Errorf("scores on standard output:\n%s", stdout)
	}
	checkAnomalyMistakes(t, data, run, detector, dir)

	// What is above the threshold is −elbo, and is called so.
	run = smallRun(t, data, "--model", "vae")
	fitted, _ := mustCall(t, "anomaly", "fit", run, "--score", "elbo", "--out", detector)
	text, _ = mustCall(t, "anomaly", "score", run, "--detector", detector, "--out", at("elbo.csv"))
	if !strings.Contains(fitted, "of the scores (−elbo)") || !strings.Contains(text, "their −elbo is above") {
		t.Errorf("with --score elbo:\n%s%s", fitted, text)
	}
}

func checkAnomalyMistakes(t *testing.T, data, run, detector, dir string) {
	t.Helper()
	out := filepath.Join(dir, "x.csv")
	other := smallRun(t, data, "--seed", "9")
	empty := filepath.Join(dir, "empty.json")
	writeFile(t, empty, []byte("{}"))
	for _, c := range []struct {
		args   []string
		status int
		pieces []string
	}{
		{[]string{"fit", run}, exitUsage, []string{"--out is missing"}},
		{[]string{"fit", run, "--out", "x.txt"}, exitUsage, []string{"--out x.txt: want x.json"}},
		{[]string{"fit", run, "--quantile", "2", "--out", empty}, exitUsage, []string{"--quantile is 2"}},
		{[]string{"fit", run, "--score", "psnr", "--out", empty}, exitUsage, []string{`--score "psnr": want mse, mahalanobis or elbo`}},
		{[]string{"fit", run, "--score", "elbo", "--out", empty}, exitUsage, []string{"dense has no elbo"}},
		{[]string{"fit", run, "--class", "77", "--out", empty}, exitUsage, []string{"--class", "no sample of class 77"}},
		{[]string{"fit", run, "--class", "3,78", "--out", empty}, exitUsage, []string{"no sample of class 78"}},
		{[]string{"score", run, "--out", out}, exitUsage, []string{"--detector is missing"}},
		{[]string{"score", run, "--detector", detector}, exitUsage, []string{"--out is missing"}},
		{[]string{"score", run, "--detector", empty, "--out", out}, exitFailure, []string{empty, "no detector"}},
		{[]string{"score", other, "--detector", detector, "--out", out}, exitFailure, []string{"fitted with other weights"}},
		{[]string{"score", run, "--detector", detector, "--out", out, "--normal", "77"}, exitFailure, []string{"40 of 40 samples", "want both kinds"}},
		{[]string{"score", run, "--detector", detector, "--out", out, "--roc", "x.png"}, exitUsage, []string{"--roc and --pr want --normal"}},
		{[]string{"score", run, "--detector", detector, "--out", filepath.Join(dir, "no", "x.csv")}, exitUsage, []string{"there is no folder"}},
		{[]string{"lines"}, exitUsage, []string{`no command "lines"; want fit, score or table`}},
		{[]string{"table", "--data", data, "--class", "3,77"}, exitUsage, []string{"--class", "no sample of class 77"}},
		{[]string{"table", "--data", "series", "--model", "nothing"}, exitUsage, []string{`"nothing"`}},
	} {
		wantFailure(t, append([]string{"anomaly"}, c.args...), c.status, c.pieces...)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a command that failed has written its file")
	}
}

func TestAnomalyTable(t *testing.T) {
	data := smallData(t, 60, 40)
	out := filepath.Join(t.TempDir(), "table.csv")
	args := []string{"anomaly", "table", "--data", data, "--model", "dense", "--latent", "2", "--epochs", "3", "--batch", "4", "--class", "1,6", "--out", out}
	told := jsonOf(t, args...)
	names, lines := table(t, out)
	if strings.Join(names, " ") != "class training auroc auprc" || len(lines) != 2 || lines[0][0] != "1" || lines[1][0] != "6" || lines[0][1] != "6" {
		t.Errorf("the table:\n%v %v", names, lines)
	}
	mean := told["mean"].(map[string]any)["auroc"].(float64)
	sum := 0.0
	for _, c := range told["classes"].([]any) {
		sum += c.(map[string]any)["auroc"].(float64)
	}
	if !(math.Abs(mean-sum/2) <= 1e-9) || mean < 0.3 {
		t.Errorf("mean AUROC %v of %v", mean, told["classes"])
	}
	text, stderr := mustCall(t, args...)
	if !strings.Contains(text, fmt.Sprintf("%.4f", mean)) || !strings.Contains(stderr, "class 6: AUROC") {
		t.Errorf("%s%s", text, stderr)
	}
}

func TestSearch(t *testing.T) {
	data, dir := smallData(t, 60, 20), t.TempDir()
	run := smallRun(t, data)
	out, picture := filepath.Join(dir, "n.csv"), filepath.Join(dir, "n.png")
	told := jsonOf(t, "search", run, "--k", "3", "--limit", "5", "--out", out, "--picture", picture)
	names, lines := table(t, out)
	if strings.Join(names, " ") != "query rank neighbour distance query_label neighbour_label" || len(lines) != 15 {
		t.Errorf("a table of %v and %d lines", names, len(lines))
	}
	right := 0
	for i, l := range lines {
		if l[0] != fmt.Sprint(i/3) || l[1] != fmt.Sprint(i%3+1) {
			t.Errorf("line %d is %v", i, l)
		}
		if l[4] == l[5] {
			right++
		}
	}
	if p := told["precision_at_k"].(float64); !(math.Abs(p-float64(right)/15) <= 1e-9) || told["count"] != 60.0 || told["queries"] != 5.0 {
		t.Errorf("search tells %v, the table has %d right of 15", told, right)
	}
	checkPNG(t, picture, 0)
	// Among the queries themselves each is its own nearest.
	stdout, _ := mustCall(t, "search", run, "--k", "1", "--index-split", "test", "--distance", "cosine", "--out", "-")
	for i, line := range strings.Split(strings.TrimSpace(stdout), "\n")[1:] {
		fields := strings.Split(line, ",")
		if fields[2] != fmt.Sprint(i) && !strings.HasPrefix(fields[3], "0") && !strings.Contains(fields[3], "e-") {
			t.Errorf("query %d: %s", i, line)
		}
	}
	wantFailure(t, []string{"search", run}, exitUsage, "--out and --picture are missing")
	wantFailure(t, []string{"search", run, "--k", "61", "--out", out}, exitUsage, "--k is 61, want at most 60")
	wantFailure(t, []string{"search", run, "--distance", "l1", "--out", out}, exitUsage, "want l2 or cosine")
	wantFailure(t, []string{"search", run, "--picture", "x.jpg"}, exitUsage, "--picture x.jpg: want x.png")
}

func TestCompress(t *testing.T) {
	data, dir := smallData(t, 60, 40), t.TempDir()
	run := smallRun(t, data)
	at := func(name string) string { return filepath.Join(dir, name) }
	told := jsonOf(t, "compress", run, "--bits", "8", "--out", at("x.hgz"))
	size := len(readFile(t, at("x.hgz")))
	if told["bytes"] != float64(size) || told["count"] != 40.0 || told["values"] != 40*64.0 {
		t.Errorf("compress tells %v of a file of %d bytes", told, size)
	}
	mustCall(t, "decompress", run, at("x.hgz"), "--out", at("y.npy"))
	mustCall(t, "reconstruct", run, "--out", at("r.npy"))
	got, want := readFile(t, at("y.npy")), readFile(t, at("r.npy"))
	if len(got) != len(want) || got[:128] != want[:128] {
		t.Fatalf("an array of %d bytes, want %d", len(got), len(want))
	}
	for i := 128; i < len(got); i += 4 { // 8 bits are nearly all there is
		if a, b := floatAt(got, i), floatAt(want, i); !(math.Abs(a-b) <= 0.05) {
			t.Fatalf("value %d is %v, want %v", (i-128)/4, a, b)
		}
	}
	told = jsonOf(t, "decompress", run, at("x.hgz"), "--limit", "3", "--out", at("some"))
	checkPNG(t, filepath.Join(at("some"), "2.png"), 8)
	mustCall(t, "decompress", run, at("x.hgz"), "--out", at("y.png"))
	checkPNG(t, at("y.png"), 0)
	if told["count"] != 3.0 {
		t.Errorf("decompress --limit 3 tells %v", told)
	}
	stdout, _ := mustCall(t, "compress", run, "--step", "0.5", "--out", "-")
	if !strings.HasPrefix(stdout, "\x89HGZ") || len(stdout) >= size {
		t.Errorf("a coarse step makes %d bytes that begin with %.8q", len(stdout), stdout)
	}
	checkRates(t, run, dir)

	content := []byte(readFile(t, at("x.hgz")))
	content[len(content)-6] ^= 1
	writeFile(t, at("bad.hgz"), content)
	wantFailure(t, []string{"decompress", run, at("bad.hgz"), "--out", at("bad.npy")}, exitFailure, at("bad.hgz")+": ", "a block is damaged")
	if _, _, text := call("decompress", run, at("bad.hgz"), "--out", at("bad.npy")); strings.Contains(text, "writing") {
		t.Errorf("a damaged file is said to fail in writing: %s", text)
	}
	if _, err := os.Stat(at("bad.npy")); err == nil {
		t.Error("images of a damaged file were written")
	}
	wantFailure(t, []string{"decompress", smallRun(t, data, "--seed", "9"), at("x.hgz"), "--out", at("bad.npy")}, exitFailure, "other weights")
	wantFailure(t, []string{"decompress", run, at("none.hgz"), "--out", at("bad.npy")}, exitFailure, "none.hgz")
	wantFailure(t, []string{"decompress", run, at("y.png"), "--out", at("bad.npy")}, exitFailure, "hourglass compress has not written it")
	wantFailure(t, []string{"compress", run}, exitUsage, "--out is missing")
	wantFailure(t, []string{"compress", run, "--bits", "9", "--out", at("z.hgz")}, exitUsage, "--bits is 9")
	wantFailure(t, []string{"compress", run, "--bits", "2", "--step", "1", "--out", at("z.hgz")}, exitUsage, "one of the two")
	wantFailure(t, []string{"compress", run, "--out", "-", "--json"}, exitUsage, "standard output holds the file alone")
}

// floatAt reads a little-endian float32.
func floatAt(s string, at int) float64 {
	return float64(math.Float32frombits(uint32(s[at]) | uint32(s[at+1])<<8 | uint32(s[at+2])<<16 | uint32(s[at+3])<<24))
}

func checkRates(t *testing.T, run, dir string) {
	t.Helper()
	plot, path := filepath.Join(dir, "rates.svg"), filepath.Join(dir, "rates.csv")
	told := jsonOf(t, "compress", run, "--plot", plot, "--table", path)
	rates := told["rates"].([]any)
	if len(rates) != len(plotBits) || rates[0].(map[string]any)["setting"] != "1 bit" {
		t.Errorf("%d rates: %v", len(rates), rates)
	}
	checkSVG(t, plot, "JPEG, a file for each", "JPEG of half the size", "PSNR (dB)", "bits per pixel", "dense")
	names, lines := table(t, path)
	if strings.Join(names, " ") != "codec setting bytes bits_per_pixel psnr" {
		t.Errorf("names %v", names)
	}
	// "JPEG, a file for each" has a comma, so that its lines are quoted.
	if len(lines) != len(plotBits)+len(jpegWays)*len(plotQualities) || lines[0][0] != "dense" || !strings.HasPrefix(lines[len(lines)-1][0], `"JPEG`) {
		t.Errorf("%d lines, the last %v", len(lines), lines[len(lines)-1])
	}
	text, _ := mustCall(t, "compress", run, "--plot", plot)
	if !strings.Contains(text, "8 bits") || !strings.Contains(text, "at the lowest quality: JPEG ") {
		t.Errorf("the table:\n%s", text)
	}
}

func TestProbe(t *testing.T) {
	run := smallRun(t, smallData(t, 60, 40))
	out := filepath.Join(t.TempDir(), "p.csv")
	told := jsonOf(t, "probe", run, "--out", out)
	names, lines := table(t, out)
	if strings.Join(names, " ") != "features dim train test" || len(lines) != 3 || lines[0][1] != "3" || lines[2][1] != "64" {
		t.Errorf("the table: %v %v", names, lines)
	}
	probes := told["probes"].([]any)
	pixels := probes[2].(map[string]any)
	if len(probes) != 3 || pixels["features"] != "pixels" || pixels["train"].(float64) < 0.5 {
		t.Errorf("probes %v, want pixels to be told apart", probes)
	}
	if text, _ := mustCall(t, "probe", run, "--limit", "10", "--train-limit", "30"); !strings.Contains(text, "on 30 samples") || !strings.Contains(text, "on 10 of") {
		t.Errorf("the text:\n%s", text)
	}
	wantFailure(t, []string{"probe", run, "--memory", "20KB"}, exitFailure, "probe needs all of its 100 samples", "0.03 MB, more than the limit of 0.02 MB", "--train-limit and --limit", "--memory")
	wantFailure(t, []string{"probe", run, "--l2", "0"}, exitUsage, "--l2 is 0")
	wantFailure(t, []string{"probe", run, "--out", "x.png"}, exitUsage, "want x.csv")
}

func TestProject(t *testing.T) {
	run, dir := smallRun(t, smallData(t, 20, 40)), t.TempDir()
	out, path := filepath.Join(dir, "m.svg"), filepath.Join(dir, "m.csv")
	told := jsonOf(t, "project", run, "--out", out, "--table", path)
	for _, name := range []string{"codes", "pca"} {
		p := told[name].(map[string]any)
		if v := p["trustworthiness"].(float64); v < 0.5 || v > 1 || p["knn_accuracy"] == nil {
			t.Errorf("%s: %v", name, p)
		}
	}
	checkSVG(t, out, "Codes: trustworthiness", "PCA: trustworthiness", "kNN accuracy", ">9<")
	if names, lines := table(t, path); !slices.Equal(names, []string{"index", "code_x", "code_y", "pca_x", "pca_y", "label"}) || len(lines) != 40 {
		t.Errorf("%v and %d lines", names, len(lines))
	}
	if text, _ := mustCall(t, "project", run, "--out", filepath.Join(dir, "m.png"), "--neighbours", "3"); !strings.Contains(text, "codes  trustworthiness") {
		t.Errorf("the text:\n%s", text)
	}
	wantFailure(t, []string{"project", run, "--out", out, "--memory", "1KB"}, exitFailure, "project needs all of its", "fewer with --limit")
	wantFailure(t, []string{"project", run}, exitUsage, "--out is missing")
	wantFailure(t, []string{"project", run, "--out", out, "--limit", "15"}, exitFailure, "15 samples", "want more than 20")
}

func TestFilters(t *testing.T) {
	data, dir := smallData(t, 30, 10), t.TempDir()
	run := smallRun(t, data)
	picture, path := filepath.Join(dir, "f.png"), filepath.Join(dir, "f.npy")
	told := jsonOf(t, "filters", run, "--out", picture)
	layer := told["layer"].(string)
	if told["count"] != 12.0 || !strings.HasPrefix(layer, "encoder.") {
		t.Errorf("filters tells %v", told)
	}
	checkPNG(t, picture, 0)
	mustCall(t, "filters", run, "--layer", layer, "--limit", "5", "--out", path)
	if content := readFile(t, path); !strings.Contains(content[:128], "(5, 8, 8, 1)") {
		t.Errorf("the array begins with %q", content[:128])
	}
	wantFailure(t, []string{"filters", run, "--layer", "decoder.0.weight", "--out", picture}, exitUsage, "no layer that makes pictures, want one of "+layer)
}

func TestField(t *testing.T) {
	dir := t.TempDir()
	points := filepath.Join(dir, "points.csv")
	text := "x,y\n"
	for i := range 60 {
		angle := float64(i) / 60 * 2 * math.Pi
		text += fmt.Sprintf("%.4f,%.4f\n", math.Cos(angle), math.Sin(angle))
	}
	writeFile(t, points, []byte(text))
	run := filepath.Join(dir, "run")
	mustCall(t, small("csv:"+points, run)...)
	out, path := filepath.Join(dir, "f.svg"), filepath.Join(dir, "f.csv")
	told := jsonOf(t, "field", run, "--side", "5", "--out", out, "--table", path)
	if told["count"] != 25.0 {
		t.Errorf("field tells %v", told)
	}
	checkSVG(t, out, "r(x) − x of dense")
	if names, lines := table(t, path); strings.Join(names, " ") != "x y dx dy" || len(lines) != 25 {
		t.Errorf("%v and %d lines", names, len(lines))
	}
	wantFailure(t, []string{"field", run, "--side", "1", "--out", out}, exitUsage, "--side is 1")
	wantFailure(t, []string{"field", smallRun(t, smallData(t, 20, 10)), "--out", out}, exitFailure, "samples of 64 numbers, want points of the plane")
}

func TestEvalMeasuresFrechetDistances(t *testing.T) {
	run := smallRun(t, smallData(t, 60, 40), "--model", "vae")
	wantFailure(t, []string{"eval", run, "--frechet", "--memory", "1KB"}, exitFailure, "eval --frechet needs all of its", "fewer with --limit")
	told := jsonOf(t, "eval", run, "--frechet")
	for _, name := range []string{"mse", "elbo", "active_units", "fd_pca64_reconstructions", "fd_pca64_samples"} {
		if v, ok := told[name].(float64); !ok || name != "elbo" && v < 0 {
			t.Errorf("%s is %v in %v", name, told[name], told)
		}
	}
	if _, ok := told["ssim"]; ok {
		t.Error("8×8 images have a ssim")
	}
}
