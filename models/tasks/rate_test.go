package tasks

import (
	"context"
	"math"
	"testing"

	"hourglass/data"
)

// TestRates: finer rounding takes more bytes and comes nearer to what the model
// can do; Compress writes as many.
func TestRates(t *testing.T) {
	ctx := context.Background()
	r, d := runnerOf(t, small), samplesOf(40, 8, 8, 1)
	options := []CompressOptions{{Bits: 1}, {Bits: 3}, {Bits: 8}, {Step: 0.25}}
	rates, err := Rates(ctx, r, d, options)
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range options {
		file := compressed(t, r, d, o)
		if rates[i].Bytes != int64(len(file)) || !(math.Abs(rates[i].BitsPerPixel-8*float64(len(file))/(40*64)) <= 1e-12) {
			t.Errorf("%+v, want %d bytes", rates[i], len(file))
		}
		images, err := decompressed(r, file)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for k, v := range images {
			e := float64(v) - float64(d.Values[k])
			sum += e * e / float64(len(images))
		}
		if want := -10 * math.Log10(sum); !(math.Abs(rates[i].PSNR-want) <= 1e-3) {
			t.Errorf("%s: PSNR %v, want %v", rates[i].Name, rates[i].PSNR, want)
		}
	}
	if !(rates[0].Bytes < rates[1].Bytes && rates[1].Bytes < rates[2].Bytes) {
		t.Errorf("%+v, want more bytes for more bits", rates)
	}
	if rates[0].Name != "1 bit" || rates[3].Name != "step 0.25" {
		t.Errorf("names %q and %q", rates[0].Name, rates[3].Name)
	}
	if rates, err := Rates(ctx, runnerOf(t, smallVQ), d, []CompressOptions{{}}); err != nil || len(rates) != 1 || rates[0].Name != "codebook" {
		t.Errorf("%+v of a codebook, %v", rates, err)
	}
	_, err = Rates(ctx, r, d, []CompressOptions{{Bits: 9}})
	wantError(t, err, "9 bits")
}

// smooth returns images that JPEG is made for.
func smooth(n, side, channels int) *data.Dataset {
	d := &data.Dataset{Name: "smooth", N: n, H: side, W: side, C: channels, Values: make([]float32, n*side*side*channels)}
	for i := range d.Values {
		place := i / channels % (side * side)
		d.Values[i] = float32(0.5 + 0.4*math.Sin(float64(i/(channels*side*side)))*math.Cos(float64(place/side+place%side)/9))
	}
	return d
}

func TestJPEGRates(t *testing.T) {
	ctx := context.Background()
	for _, channels := range []int{1, 3} {
		d := smooth(23, 20, channels)
		alone, err := JPEGRates(ctx, d, JPEGOptions{Qualities: []int{10, 95}, Sheet: 1})
		if err != nil {
			t.Fatal(err)
		}
		together, err := JPEGRates(ctx, d, JPEGOptions{Qualities: []int{10, 95}, Sheet: 16})
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range together {
			if r.Bytes*2 > alone[i].Bytes {
				t.Errorf("%s: %d bytes in sheets, %d alone: tables are not shared", r.Name, r.Bytes, alone[i].Bytes)
			}
			if !(math.Abs(r.PSNR-alone[i].PSNR) <= 3) {
				t.Errorf("%s: PSNR %v in sheets, %v alone", r.Name, r.PSNR, alone[i].PSNR)
			}
		}
		if together[1].PSNR < 38 || together[0].PSNR < 25 || together[0].PSNR > together[1].PSNR || together[0].Bytes > together[1].Bytes {
			t.Errorf("%+v of smooth images", together)
		}
	}
	// Smooth images lose little by being made smaller, and take fewer bytes.
	half, err := JPEGRates(ctx, smooth(23, 32, 1), JPEGOptions{Qualities: []int{95}, Sheet: 16, Shrink: 2})
	if err != nil {
		t.Fatal(err)
	}
	whole, err := JPEGRates(ctx, smooth(23, 32, 1), JPEGOptions{Qualities: []int{95}, Sheet: 16})
	if err != nil || half[0].Bytes >= whole[0].Bytes || half[0].PSNR < 30 || half[0].PSNR > whole[0].PSNR {
		t.Errorf("%+v at half the size, %+v at the whole, %v", half, whole, err)
	}
	_, err = JPEGRates(ctx, samplesOf(2, 9, 8, 1), JPEGOptions{Qualities: []int{50}, Sheet: 1, Shrink: 2})
	wantError(t, err, "9×8 cannot be made smaller by 2")
	_, err = JPEGRates(ctx, samplesOf(2, 8, 8, 2), JPEGOptions{Qualities: []int{50}, Sheet: 1})
	wantError(t, err, "2 channels, want 1 or 3")
	_, err = JPEGRates(ctx, samplesOf(2, 8, 8, 1), JPEGOptions{Qualities: []int{0}, Sheet: 1})
	wantError(t, err, "quality 0, want 1 to 100")
	_, err = JPEGRates(ctx, samplesOf(2, 8, 8, 1), JPEGOptions{Qualities: []int{50}, Sheet: 3})
	wantError(t, err, "sheets of 3 images, want a square number")
}

func TestAtRate(t *testing.T) {
	rates := []Rate{{BitsPerPixel: 1, PSNR: 10}, {BitsPerPixel: 2, PSNR: 20}, {BitsPerPixel: 4, PSNR: 24}}
	for bpp, want := range map[float64]float64{1: 10, 1.5: 15, 3: 22, 4: 24} {
		if got, ok := AtRate(rates, bpp); !ok || got != want {
			t.Errorf("PSNR %v at %v bits, want %v", got, bpp, want)
		}
	}
	for _, bpp := range []float64{0.9, 4.1, math.NaN()} {
		if _, ok := AtRate(rates, bpp); ok {
			t.Errorf("a PSNR at %v bits, outside of all", bpp)
		}
	}
}
