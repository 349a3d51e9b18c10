package plots

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/color"
	"image/png"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
)

// losses makes a series that starts at epoch 1.
func losses(values ...float64) (points []CurvePoint) {
	for i, v := range values {
		points = append(points, CurvePoint{i + 1, v})
	}
	return points
}

// svgTexts draws c and returns the texts of the picture, which must be well-formed XML without a
// coordinate that is not a number.
func svgTexts(t *testing.T, c Figure) []string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteSVG(&b, c); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "NaN") || strings.Contains(b.String(), "Inf") {
		t.Error("the SVG has a coordinate that is not finite")
	}
	var texts []string
	d := xml.NewDecoder(&b)
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return texts
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "text" {
			var s string
			if err := d.DecodeElement(&s, &e); err != nil {
				t.Fatal(err)
			}
			texts = append(texts, s)
		}
	}
}

func expectTexts(t *testing.T, texts []string, want ...string) {
	t.Helper()
	for _, s := range want {
		if !slices.Contains(texts, s) {
			t.Errorf("the picture lacks the text %q, it has %q", s, texts)
		}
	}
}

func TestCurveSaysWhatItShows(t *testing.T) {
	c := Curve{
		Title:      "conv <z = 16> & more",
		Loss:       "mean squared error per pixel",
		Train:      losses(0.06, 0.03, 0.02),
		Validation: losses(0.07, 0.025, 0.028),
	}
	expectTexts(t, svgTexts(t, c), c.Title, c.Loss, "epoch", "training", "validation",
		"best validation: 0.025, epoch 2", "1", "2", "3", "0.02", "0.07")
	c.Best = 3
	expectTexts(t, svgTexts(t, c), "best weights: 0.028, epoch 3")
	c.Best = 0
	c.LogY = true
	expectTexts(t, svgTexts(t, c), c.Loss+" (log scale)", "best validation: 0.025, epoch 2", "1", "2", "3", "0.03", "0.06")
	c.Loss, c.Validation = "", nil
	texts := svgTexts(t, c)
	expectTexts(t, texts, "loss (log scale)", "training")
	if slices.Contains(texts, "validation") {
		t.Error("the key names a series that is not there")
	}
}

// colours counts the pixels of each colour in the PNG of c.
func colours(t *testing.T, c Figure) map[color.NRGBA]int {
	t.Helper()
	var b bytes.Buffer
	if err := WritePNG(&b, c); err != nil {
		t.Fatal(err)
	}
	im, err := png.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	if s := im.Bounds().Size(); s.X != 1200 || s.Y != 750 {
		t.Errorf("the picture has %d×%d pixels, want 1200×750", s.X, s.Y)
	}
	count := map[color.NRGBA]int{}
	for y := range im.Bounds().Dy() {
		for x := range im.Bounds().Dx() {
			count[color.NRGBAModel.Convert(im.At(x, y)).(color.NRGBA)]++
		}
	}
	return count
}

func TestCurveDrawsBothSeries(t *testing.T) {
	// The sample in the key alone has fewer than 300 pixels.
	c := Curve{Train: losses(3, 2, 1.5, 1.2), Validation: losses(4, 3, 2, 2.5)}
	got := colours(t, c)
	if got[okabeItoBlue] < 1200 || got[okabeItoVermilion] < 1200 {
		t.Errorf("%d blue and %d vermilion pixels, want lines of each", got[okabeItoBlue], got[okabeItoVermilion])
	}
	c.Validation = nil
	if got := colours(t, c); got[okabeItoVermilion] != 0 {
		t.Errorf("%d vermilion pixels without validation", got[okabeItoVermilion])
	}
}

func TestCurveDrawsASingleEpoch(t *testing.T) {
	for _, log := range []bool{false, true} {
		c := Curve{LogY: log, Train: losses(0.5), Validation: losses(0.6)}
		expectTexts(t, svgTexts(t, c), "1", "best validation: 0.6, epoch 1")
		if got := colours(t, c); got[okabeItoBlue] < 250 {
			t.Errorf("log %v: %d blue pixels, want a marker besides the key", log, got[okabeItoBlue])
		}
	}
}

func TestCurveMarksLossesItCannotDraw(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, log := range []bool{false, true} {
		c := Curve{LogY: log, Train: losses(3, nan, 2, inf, 1e39), Validation: losses(nan, 2, -inf)}
		expectTexts(t, svgTexts(t, c), "training loss not finite (3)", "validation loss not finite (2)",
			"best validation: 2, epoch 2", "1", "5")
		expectTexts(t, svgTexts(t, Curve{LogY: log, Train: losses(nan, nan)}), "training loss not finite (2)")
	}
}

func TestCurveDrawsExtremes(t *testing.T) {
	for name, c := range map[string]Curve{
		"zero":           {Train: losses(0, 0, 0)},
		"float32 limits": {Train: losses(math.MaxFloat32, -math.MaxFloat32)},
		"smallest":       {Train: losses(1e-45), LogY: true},
		"subnormal":      {Train: losses(5e-324, 1e-320)},
		"83 decades":     {Train: losses(1e-45, 1e38), LogY: true},
		"equal but last": {Train: losses(1, math.Nextafter(1, 2))},
		"late epochs":    {Train: []CurvePoint{{-3, 1}, {1 << 52, 2}}},
		"many epochs":    {Train: losses(make([]float64, 5000)...)},
	} {
		t.Run(name, func(t *testing.T) { expectTexts(t, svgTexts(t, c), "training", "epoch") })
	}
}

func TestCurveIsDeterministic(t *testing.T) {
	c := Curve{Title: "t", Train: losses(3, math.NaN(), 1), Validation: losses(4, 3, 2)}
	for name, write := range map[string]func(io.Writer, Figure) error{"PNG": WritePNG, "SVG": WriteSVG} {
		var first, again bytes.Buffer
		if err := errors.Join(write(&first, c), write(&again, c)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first.Bytes(), again.Bytes()) {
			t.Errorf("%s: one curve gave different bytes", name)
		}
	}
}

func TestCurveRefusals(t *testing.T) {
	for want, c := range map[string]Curve{
		"at least one loss":                          {},
		"training loss of epoch 1 follows epoch 1":   {Train: []CurvePoint{{1, 1}, {1, 1}}},
		"validation loss of epoch 1 follows epoch 2": {Validation: []CurvePoint{{2, 1}, {1, 1}}},
		"training loss 0 of epoch 1":                 {LogY: true, Train: losses(0)},
		"validation loss -2 of epoch 2":              {LogY: true, Validation: losses(1, -2)},
	} {
		var b bytes.Buffer
		for _, write := range []func(io.Writer, Figure) error{WritePNG, WriteSVG} {
			if err := write(&b, c); err == nil || !strings.Contains(err.Error(), want) || b.Len() > 0 {
				t.Errorf("error %v after %d bytes, want one that says %q before the first", err, b.Len(), want)
			}
		}
	}
}
