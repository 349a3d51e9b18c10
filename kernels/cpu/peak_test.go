package cpu

import (
	"testing"
	"time"
)

func TestPeakIsOfThisCentury(t *testing.T) {
	one := Peak(1, 20*time.Millisecond)
	// The slowest tier on the slowest processor of interest does some 100
	// million operations a second, the fastest known less than 10¹².
	if one < 1e8 || one > 1e12 {
		t.Errorf("peak of one thread %.3g FLOP/s, want 1e8 to 1e12", one)
	}
}
