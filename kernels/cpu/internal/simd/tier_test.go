package simd

import (
	"strings"
	"testing"
)

// eachTier runs f as a subtest under every tier that this machine has.
func eachTier(t *testing.T, f func(t *testing.T)) {
	for tier := Generic; tier <= Best(); tier++ {
		t.Run(tier.String(), func(t *testing.T) {
			defer Force(tier)()
			f(t)
		})
	}
}

func TestChoose(t *testing.T) {
	for _, c := range []struct {
		wish  string
		limit Tier
		want  Tier
		err   string // part of the message; empty means no error
	}{
		{"", AVX2, AVX2, ""},
		{"generic", AVX512, Generic, ""},
		{"avx2", AVX512, AVX2, ""},
		{"avx512", AVX512, AVX512, ""},
		{"avx512", AVX2, AVX2, "no more than avx2"},
		{"sse", AVX2, AVX2, "want generic, avx2 or avx512"},
	} {
		got, err := choose(c.wish, c.limit)
		if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("choose(%q, %v) = %v, %v; want %v and an error with %q", c.wish, c.limit, got, err, c.want, c.err)
		}
	}
}

func TestForceRestores(t *testing.T) {
	before, _ := Active()
	restore := Force(Generic)
	if got, _ := Active(); got != Generic {
		t.Errorf("active tier is %v under Force(Generic)", got)
	}
	restore()
	if got, _ := Active(); got != before {
		t.Errorf("active tier is %v after restore, want %v", got, before)
	}
}

func TestMulAddsCounts(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		one, many := MulAdds(1), MulAdds(1000)
		if one < 16 || many != 1000*one {
			t.Errorf("%d operations in 1 round, %d in 1000", one, many)
		}
	})
}
