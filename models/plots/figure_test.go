package plots

import (
	"bytes"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hourglass/models/metrics"
)

func TestLinesSayWhatTheyShow(t *testing.T) {
	l := Lines{Title: "rate", X: "rate (bits per pixel)", Y: "PSNR (dB)", LogX: true,
		Series:    []Series{{"ours", []Point{{0.05, 15}, {0.2, 20}}}, {"JPEG", []Point{{2, 18}, {4, 30}}}},
		Reference: &Series{"bound", []Point{{0.05, 30}, {4, 30}}}}
	expectTexts(t, svgTexts(t, l), "rate", "rate (bits per pixel, log scale)", "PSNR (dB)", "ours", "JPEG", "bound", "0.1", "1", "20")
	got := colours(t, l)
	if got[palette[0]] < 300 || got[palette[1]] < 300 {
		t.Errorf("%d and %d pixels of two series, want lines", got[palette[0]], got[palette[1]])
	}
}

// TestLongTitlesFit: the beginning and the end of a title are seen, however long.
func TestLongTitlesFit(t *testing.T) {
	l := Lines{Title: "conv on csv:" + strings.Repeat("long", 100) + ",label=fault test", X: "x", Y: "y", Series: []Series{{"ours", []Point{{1, 2}, {2, 3}}}}}
	for _, text := range svgTexts(t, l) {
		if rest, ok := strings.CutPrefix(text, "conv on csv:long"); ok {
			if !strings.Contains(rest, "…") || !strings.HasSuffix(rest, ",label=fault test") || len(rest) > 100 {
				t.Errorf("the title is %q", text)
			}
			return
		}
	}
	t.Error("there is no title")
}

func TestCurvesOfDetection(t *testing.T) {
	scores, positive := []float64{4, 3, 2, 1}, []bool{true, false, true, false}
	roc, err := metrics.ROC(scores, positive)
	if err != nil {
		t.Fatal(err)
	}
	expectTexts(t, svgTexts(t, ROC("digit 3", roc, 0.75)), "digit 3", "area 0.750", "chance: 0.5", "false positive rate", "true positive rate", "0.0", "1.0")
	pr, err := metrics.PrecisionRecall(scores, positive)
	if err != nil {
		t.Fatal(err)
	}
	expectTexts(t, svgTexts(t, PrecisionRecall("digit 3", pr, 0.8333, 0.5)), "average precision 0.833", "chance: 0.500", "recall", "precision")
}

func TestMapNamesClasses(t *testing.T) {
	points := []Point{{0, 0}, {1, 1}, {2, 5}, {-3, 2}}
	m := Map{Panels: []Panel{{"codes", "unit 1", "unit 2", points}, {"PCA", "component 1", "component 2", points}},
		Labels: []uint8{0, 1, 12, 0}, Classes: []string{"circle", ""}}
	texts := svgTexts(t, m)
	expectTexts(t, texts, "codes", "PCA", "unit 1", "component 2", "circle", "1", "12")
	m.Panels, m.Labels = m.Panels[:1], nil
	for _, text := range svgTexts(t, m) {
		if text == "circle" {
			t.Error("the key names a class of points without labels")
		}
	}
}

func TestHistogramCountsAllValues(t *testing.T) {
	h := Histogram{Title: "scores", X: "squared error", Threshold: 0.9, Mark: true, Groups: []Group{
		{"normal", []float64{0.1, 0.2, 0.2, 0.3}}, {"anomalous", []float64{0.5, 0.8, 1.0}}}}
	expectTexts(t, svgTexts(t, h), "scores", "squared error", "share of samples (%)", "normal (4)", "anomalous (3)", "threshold 0.9")

	edges, last, err := h.edges()
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range h.Groups {
		outline, width, total := g.outline(edges), edges[1]-edges[0], 0.0
		for i := 2; i < len(outline.runs[0])-1; i += 2 {
			total += outline.runs[0][i].Y
		}
		if !(math.Abs(total-100) <= 1e-9) || g.beyond(last) != 0 || width <= 0 {
			t.Errorf("%s: bars of %v%% in all, %d values beyond", g.Name, total, g.beyond(last))
		}
	}
	// One value in a thousand is far away: it is told, not drawn.
	far := make([]float64, 1000)
	for i := range far {
		far[i] = float64(i) / 1000
	}
	far[999] = 1e6
	h.Groups, h.Mark = []Group{{"all", far}}, false
	expectTexts(t, svgTexts(t, h), "all (1000, 5 beyond the right)")
	// Equal values still make a picture.
	h.Groups = []Group{{"same", []float64{2, 2, 2}}}
	expectTexts(t, svgTexts(t, h), "same (3)")
}

func TestFieldDrawsArrowsOverPoints(t *testing.T) {
	f := Field{Title: "r(x) − x", X: "x1", Y: "x2", Points: []Point{{0, 0}, {1, 1}},
		Arrows: []Arrow{{Point{0, 0}, Point{0.1, 0}}, {Point{1, 0}, Point{0, 0.2}}, {Point{0.5, 0.5}, Point{}}}}
	expectTexts(t, svgTexts(t, f), "r(x) − x", "x1", "x2")
	var b bytes.Buffer
	if err := WritePNG(&b, f); err != nil {
		t.Fatal(err)
	}
	im, err := png.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	vermilion := 0
	for y := range im.Bounds().Dy() {
		for x := range im.Bounds().Dx() {
			if r, g, b, _ := im.At(x, y).RGBA(); r>>8 == 213 && g>>8 == 94 && b>>8 == 0 {
				vermilion++
			}
		}
	}
	if vermilion < 500 {
		t.Errorf("%d pixels of arrows, want at least 500", vermilion)
	}
}

func TestFiguresRefuse(t *testing.T) {
	nan := math.NaN()
	one := []Point{{1, 1}}
	for want, f := range map[string]Figure{
		"lines: want at least one series":              Lines{},
		"series a: want at least one point":            Lines{Series: []Series{{"a", nil}}},
		"series a: point 0: (NaN, 1) has no place":     Lines{Series: []Series{{"a", []Point{{nan, 1}}}}},
		"series a: point 0: 0 has no place on a log":   Lines{LogX: true, Series: []Series{{"a", []Point{{0, 1}}}}},
		"map: want at least one panel":                 Map{},
		"map m: want at least one point":               Map{Panels: []Panel{{Title: "m"}}},
		"map m: 2 labels, want one for each of 1":      Map{Panels: []Panel{{Title: "m", Points: one}}, Labels: []uint8{1, 2}},
		"map m: point 0: (1, +Inf)":                    Map{Panels: []Panel{{Title: "m", Points: []Point{{1, math.Inf(1)}}}}},
		"histogram: want at least one group":           Histogram{},
		"histogram: group g has no values":             Histogram{Groups: []Group{{"g", nil}}},
		"histogram: group g has values that are not":   Histogram{Groups: []Group{{"g", []float64{1, nan}}}},
		"field: want at least one arrow":               Field{},
		"field: arrow 0: (NaN, 0) has no place":        Field{Arrows: []Arrow{{Point{}, Point{nan, 0}}}},
		"field: point 0: (NaN, 0) has no place in a p": Field{Arrows: []Arrow{{}}, Points: []Point{{nan, 0}}},
	} {
		var b bytes.Buffer
		if err := WritePNG(&b, f); err == nil || !strings.Contains(err.Error(), want) || b.Len() > 0 {
			t.Errorf("error %v after %d bytes, want one that says %q before the first", err, b.Len(), want)
		}
	}
}

func TestWriteFileByEnding(t *testing.T) {
	l := Lines{Series: []Series{{"a", []Point{{1, 1}, {2, 2}}}}}
	folder := t.TempDir()
	for name, start := range map[string]string{"a.png": "\x89PNG", "a.SVG": "<?xml"} {
		path := filepath.Join(folder, name)
		if err := WriteFile(path, l); err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(path); err != nil || !strings.HasPrefix(string(text), start) {
			t.Errorf("%s begins with %.8q (%v), want %q", name, text, err, start)
		}
	}
	if err := WriteFile(filepath.Join(folder, "a.jpg"), l); err == nil || !strings.Contains(err.Error(), "ends in .png or .svg") {
		t.Errorf("error %v, want one that names the endings", err)
	}
}
