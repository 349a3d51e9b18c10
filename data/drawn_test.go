package data

import (
	"crypto/sha256"
	"fmt"
	"math"
	"testing"
)

// drawnSets are the sets that this package draws: their sizes, and hashes of
// their first samples, which were recorded once, on amd64. A processor or a
// compiler that rounds anything differently shows there.
var drawnSets = []struct {
	name               string
	open               func(seed uint64, split Split) *Dataset
	train, test        int
	side, c, classes   int
	hashed             int
	first, held, other string // of seed 1, train and test, and of seed 7, train
}{
	{"builtin", builtin, 60000, 10000, 28, 1, 10, 2000, "9be11aacf1c632e2", "a7563b2e9deb61d7", "12d291c0fcea6bf2"},
	{"shapes", shapes, 20000, 4000, 32, 3, 6, 500, "730ebdbd16f8c00b", "760a3befc3d9d8da", "67015b5ceb09dd2e"},
}

func TestDrawnGolden(t *testing.T) {
	for _, s := range drawnSets {
		for _, c := range []struct {
			seed  uint64
			split Split
			want  string
		}{{1, Train, s.first}, {1, Test, s.held}, {7, Train, s.other}} {
			d, err := s.open(c.seed, c.split).Limit(s.hashed)
			if err != nil {
				t.Fatal(err)
			}
			d.Load()
			hash := sha256.New()
			hash.Write(d.Pixels)
			hash.Write(d.Labels)
			if got := fmt.Sprintf("%x", hash.Sum(nil)[:8]); got != c.want {
				t.Errorf("%s, seed %d, %s: hash %s, want %s", s.name, c.seed, c.split, got, c.want)
			}
		}
	}
}

func TestDrawnShape(t *testing.T) {
	for _, s := range drawnSets {
		for split, n := range map[Split]int{Train: s.train, Test: s.test} {
			d := s.open(3, split)
			if err := d.Validate(); err != nil {
				t.Error(err)
			}
			if d.N != n || d.H != s.side || d.W != s.side || d.C != s.c {
				t.Errorf("%s, %s: shape [%d %d %d %d], want [%d %d %d %d]", s.name, split, d.N, d.H, d.W, d.C, n, s.side, s.side, s.c)
			}
			counts := make([]float64, s.classes)
			for _, label := range d.Labels {
				counts[label]++
			}
			want := float64(n) / float64(s.classes)
			for label, count := range counts {
				if !(math.Abs(count-want) <= 4*math.Sqrt(want)) {
					t.Errorf("%s, %s: label %d occurs %v times, want about %v", s.name, split, label, count, want)
				}
			}
		}
	}
}
