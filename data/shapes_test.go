package data

import (
	"math"
	"testing"
)

// TestShapesBrightness: a colour takes the brightness that it is lit with, and
// so grey tells nothing of a figure's kind.
func TestShapesBrightness(t *testing.T) {
	for kind, f := range figures {
		for _, luma := range []float32{0.2, 0.4, 0.6, 0.85} {
			c := f.hue.lit(luma)
			if off := math.Abs(float64(c.luma() - luma)); !(off <= 1e-6) {
				t.Errorf("figure %d lit with %v has luma %v", kind, luma, c.luma())
			}
			for _, v := range c {
				if v < 0 || v > 1 {
					t.Errorf("figure %d lit with %v is %v, want numbers in [0, 1]", kind, luma, c)
				}
			}
		}
	}
}
