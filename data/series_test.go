package data

import (
	"hash/fnv"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestWindows(t *testing.T) {
	s := &Series{Name: "hand", T: 7, C: 2, Values: []float32{0, 10, 1, 9, 2, 8, 3, 7, 4, 6, 5, 5, 6, 4}}
	d, err := s.Windows(3, 2, 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Validate(); err != nil {
		t.Fatal(err)
	}
	if d.N != 3 || d.H != 1 || d.W != 3 || d.C != 2 || d.Labels != nil {
		t.Fatalf("windows %d of %d×%d×%d, labels %v", d.N, d.H, d.W, d.C, d.Labels)
	}
	// 2/10·255 = 51; halves go up.
	if want := []byte{51, 204, 77, 179, 102, 153}; !slices.Equal(d.Image(1), want) {
		t.Errorf("window 1 is %v, want %v", d.Image(1), want)
	}
	s.Anomalous = make([]bool, 7)
	s.Anomalous[4] = true
	if d, err = s.Windows(3, 2, 2, 8); err != nil {
		t.Fatal(err)
	}
	if want := []uint8{0, 1, 1}; !slices.Equal(d.Labels, want) {
		t.Errorf("labels %v, want %v", d.Labels, want)
	}
	if got := d.Image(0)[:4]; !slices.Equal(got, []byte{0, 255, 0, 255}) {
		t.Errorf("values outside the bounds are %v, want 0 and 255", got)
	}
}

func TestWindowRefusals(t *testing.T) {
	s := &Series{Name: "hand", T: 3, C: 1, Values: []float32{1, 2, 3}}
	nan := &Series{Name: "holed", T: 3, C: 1, Values: []float32{1, float32(math.NaN()), 3}}
	short := &Series{Name: "short", T: 4, C: 1, Values: []float32{1}}
	for _, test := range []struct {
		s              *Series
		length, stride int
		low, high      float32
		want           string
	}{
		{s, 4, 1, 0, 1, "data: hand: windows of 4 steps, want 1 to the series' 3"},
		{s, 0, 1, 0, 1, "data: hand: windows of 0 steps, want 1 to the series' 3"},
		{s, 2, 0, 0, 1, "data: hand: windows 0 steps apart, want at least 1"},
		{s, 2, 1, 1, 1, "data: hand: bounds 1 and 1, want two finite numbers, the smaller one first"},
		{s, 2, 1, float32(math.Inf(-1)), 1, "data: hand: bounds -Inf and 1, want two finite numbers, the smaller one first"},
		{nan, 2, 1, 0, 1, "data: holed: step 1 is NaN, want a number"},
		{short, 2, 1, 0, 1, "data: short: 1 values and 0 labels, want those of 4 steps of 1 channels"},
	} {
		if _, err := test.s.Windows(test.length, test.stride, test.low, test.high); err == nil || err.Error() != test.want {
			t.Errorf("got %v, want %s", err, test.want)
		}
	}
	if _, _, err := nan.Range(); err == nil || err.Error() != "data: holed: step 1 is NaN, want a finite number" {
		t.Errorf("range of a series with NaN: %v", err)
	}
	if _, _, err := (&Series{Name: "none", C: 1}).Range(); err == nil || err.Error() != "data: none: the series is empty, want at least 1 step" {
		t.Errorf("range of an empty series: %v", err)
	}
	if low, high, err := s.Range(); low != 1 || high != 3 || err != nil {
		t.Errorf("range %v to %v, %v", low, high, err)
	}
}

// TestWave holds the sine to within the formula's error.
func TestWave(t *testing.T) {
	for i := range 1000 {
		phase := uint32(i * 4294967)
		want := math.Sin(2 * math.Pi * float64(phase) / (1 << 32))
		if off := math.Abs(float64(wave(phase)) - want); !(off <= 0.0017) {
			t.Fatalf("wave(%d/2³²) is off by %v", phase, off)
		}
	}
}

func TestSyntheticSeries(t *testing.T) {
	train, test := SyntheticSeries(3, Train, 4000), SyntheticSeries(3, Test, 20000)
	if slices.Contains(train.Anomalous, true) {
		t.Error("the training part has anomalies")
	}
	spells, steps := 0, 0
	for i, a := range test.Anomalous {
		if a {
			steps++
		}
		if a && !test.Anomalous[i-1] {
			spells++
		}
	}
	if spells < 30 || spells > 60 || steps < 400 || steps > 2500 {
		t.Errorf("%d anomalies of %d steps in all, want about 42 of some 25 each", spells, steps)
	}
	if longer := SyntheticSeries(3, Train, 5000); !slices.Equal(longer.Values[:4000], train.Values) {
		t.Error("a longer series begins otherwise")
	}
	if other := SyntheticSeries(4, Train, 4000); slices.Equal(other.Values, train.Values) {
		t.Error("another seed makes the same series")
	}
	low, high, err := train.Range()
	if err != nil || !(low > -3 && low < -0.8 && high < 3 && high > 0.8) {
		t.Errorf("range %v to %v, %v", low, high, err)
	}
}

// TestSeriesIsPinned pins every byte.
func TestSeriesIsPinned(t *testing.T) {
	for split, want := range map[Split]uint64{Train: 0xf2f7502f96c6f9a4, Test: 0x16673cdfbde576e2} {
		d, err := Open("series", split)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Validate(); err != nil {
			t.Fatal(err)
		}
		h := fnv.New64a()
		h.Write(d.Pixels)
		h.Write(d.Labels)
		if got := h.Sum64(); got != want {
			t.Errorf("%v: hash %#x, want %#x", split, got, want)
		}
	}
	if _, err := Open("series:seed=x", Train); err == nil || !strings.Contains(err.Error(), `got "x"`) {
		t.Errorf("a seed that is no number: %v", err)
	}
}
