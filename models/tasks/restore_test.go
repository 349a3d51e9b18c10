package tasks

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"hourglass/data"
	"hourglass/models"
)

func TestCorruption(t *testing.T) {
	r, d := runnerOf(t, small), samplesOf(6, 8, 8, 1)
	noise, err := NewCorruption(r, "gaussian:0.3", 7)
	if err != nil {
		t.Fatal(err)
	}
	one, _, err := noise.Apply(d.Values, 0)
	if err != nil {
		t.Fatal(err)
	}
	again, _, _ := noise.Apply(d.Values, 0)
	other, _, _ := noise.Apply(d.Values, 1)
	if noise.Masks() || !slices.Equal(one, again) || slices.Equal(one, other) || slices.Equal(one, d.Values) {
		t.Error("want the same noise of one number, another of another")
	}
	square, err := NewCorruption(r, "square:3", 7)
	if err != nil {
		t.Fatal(err)
	}
	bad, missing, err := square.Apply(d.Values, 0)
	if err != nil || !square.Masks() || len(missing) != len(bad) {
		t.Fatalf("a mask of %d values, %v", len(missing), err)
	}
	for i := range 6 {
		lost := 0
		for k := i * 64; k < i*64+64; k++ {
			lost += int(missing[k])
			if want := d.Values[k] * (1 - missing[k]); bad[k] != want {
				t.Fatalf("value %d is %g, want %g", k, bad[k], want)
			}
		}
		if lost != 9 {
			t.Errorf("image %d lacks %d values, want 9", i, lost)
		}
	}
	for _, how := range []string{"gaussain:1", "square:9", "gaussian:x"} {
		if _, err := NewCorruption(r, how, 0); err == nil {
			t.Errorf("%s: no error", how)
		}
	}
}

// TestDenoise: the model is given what it should be, and clean samples go along.
func TestDenoise(t *testing.T) {
	r, d := runnerOf(t, small), samplesOf(6, 8, 8, 1)
	ctx := context.Background()
	noise, err := NewCorruption(r, "saltpepper:0.5", 7)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		noise Noise
		clean []float32
		same  bool // given as the source has it
	}{
		{"bad already", Noise{}, nil, true},
		{"made bad", Noise{Corrupt: noise}, d.Values, false},
		{"clean elsewhere", Noise{Clean: samplesOf(6, 8, 8, 1)}, d.Values, true},
	} {
		var given, made, clean []float32
		err := Denoise(ctx, r, d, c.noise, func(b Restored) error {
			given, made, clean = append(given, b.Given...), append(made, b.Made...), append(clean, b.Clean...)
			return nil
		})
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		want, err := r.Reconstruct(given)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(made, want) || !slices.Equal(clean, c.clean) || slices.Equal(given, d.Values) != c.same {
			t.Errorf("%s: %d given, %d made, %d clean", c.name, len(given), len(made), len(clean))
		}
	}
	err = Denoise(ctx, r, d, Noise{Clean: samplesOf(5, 8, 8, 1)}, nil)
	if err == nil || !strings.Contains(err.Error(), "5 clean samples") {
		t.Errorf("too few clean samples: %v", err)
	}
}

// TestInpaint: given values stay, missing ones come from the model, for masks of
// every kind.
func TestInpaint(t *testing.T) {
	c := small
	c.Image = [3]int{8, 8, 3}
	r, d := runnerOf(t, c), samplesOf(5, 8, 8, 3)
	half, err := NewCorruption(r, "half:left", 0)
	if err != nil {
		t.Fatal(err)
	}
	plane, every := make([]float32, 64), make([]float32, 192)
	for i := range plane {
		if i%8 < 4 {
			plane[i] = 1
			every[3*i], every[3*i+1], every[3*i+2] = 1, 1, 1
		}
	}
	var first []float32
	for name, mask := range map[string]Mask{"drawn": {Corrupt: half}, "of pixels": {Missing: plane}, "of values": {Missing: every}} {
		var all []float32
		err := Inpaint(context.Background(), r, d, mask, func(b Restored) error {
			want, err := r.Reconstruct(b.Given)
			if err != nil {
				return err
			}
			for i, v := range b.Made {
				switch missing := every[i%192] == 1; {
				case missing && (v != want[i] || b.Given[i] != 0):
					t.Fatalf("%s: missing value %d is %g of %g, want %g of 0", name, i, v, b.Given[i], want[i])
				case !missing && (v != b.Clean[i] || b.Given[i] != v):
					t.Fatalf("%s: given value %d becomes %g", name, i, v)
				}
			}
			all = append(all, b.Made...)
			return nil
		})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if first == nil {
			first = all
		}
		if !slices.Equal(all, first) {
			t.Errorf("%s: another result", name)
		}
	}
	noise, err := NewCorruption(r, "gaussian:0.1", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, mask := range []Mask{{Corrupt: noise}, {Missing: plane[:60]}, {}} {
		if err := Inpaint(context.Background(), r, d, mask, nil); err == nil {
			t.Errorf("mask %v: no error", mask)
		}
	}
}

// TestColorize: images in colour and in grey give the same, the one with what it
// should be.
func TestColorize(t *testing.T) {
	r := runnerOf(t, models.Config{Name: "colorization", Network: "dense", Image: [3]int{8, 8, 3}, Hidden: []int{12}, Latent: 4, Colorize: true})
	grey := samplesOf(5, 8, 8, 1)
	colour := &data.Dataset{Name: "colour", N: 5, H: 8, W: 8, C: 3}
	for _, v := range grey.Values {
		colour.Values = append(colour.Values, v, v, v)
	}
	for i := range colour.Values { // nearly grey
		colour.Values[i] += 1e-7 * float32(i%3)
	}
	alike := &data.Dataset{Name: "alike", N: 5, H: 8, W: 8, C: 3}
	for _, v := range grey.Values {
		alike.Values = append(alike.Values, v, v, v)
	}
	var made [3][]float32
	for i, src := range []data.Source{grey, colour, alike} {
		err := Colorize(context.Background(), r, src, func(b Restored) error {
			if (b.Clean == nil) != (i != 1) || len(b.Given) != len(b.Made) {
				t.Errorf("source %d: %d clean values, %d given", i, len(b.Clean), len(b.Given))
			}
			for j, v := range greyOf(b.Made, 3) {
				if !(math.Abs(float64(v-b.Given[j])) <= 1e-5) && !clipped(b.Made[j/3*3:][:3]) {
					t.Fatalf("source %d: the luma of value %d is %g, was given as %g", i, j, v, b.Given[j])
				}
			}
			made[i] = append(made[i], b.Made...)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if !hasColour(made[0]) {
		t.Error("the images made have no colour")
	}
	for i, v := range made[0] {
		if !(math.Abs(float64(v-made[1][i])) <= 1e-5) {
			t.Fatalf("value %d is %g of grey, %g of colour", i, v, made[1][i])
		}
	}
}

// clipped tells whether a value is at the end of its range.
func clipped(pixel []float32) bool {
	return slices.Min(pixel) <= 0 || slices.Max(pixel) >= 1
}

func TestQuality(t *testing.T) {
	m := NewMeasure([]int{12, 12, 1})
	if m.Quality() != nil {
		t.Error("nothing has a quality")
	}
	x := samplesOf(2, 12, 12, 1).Values
	y := slices.Clone(x)
	for i := range 144 { // of the first image alone
		y[i] += 0.1
	}
	if err := m.Add(y, x); err != nil {
		t.Fatal(err)
	}
	q := m.Quality()
	if !(math.Abs(q.MSE-0.005) <= 1e-6) || !(math.Abs(q.PSNR-60) <= 1e-3) || q.SSIM == nil || !(*q.SSIM < 1 && *q.SSIM > 0.5) {
		t.Errorf("quality %+v, want an error of 0.005 and 60 dB, the mean of 20 and 100", q)
	}
	small := NewMeasure([]int{8, 8, 1})
	if err := small.Add(x[:64], x[:64]); err != nil || small.Quality().SSIM != nil {
		t.Errorf("images of 8×8 have a similarity (%v)", err)
	}
}
