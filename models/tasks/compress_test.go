package tasks

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"hourglass/data"
	"hourglass/models"
	"hourglass/models/train"
)

var smallVQ = models.Config{Name: "vqvae", Image: [3]int{8, 8, 1}, Blocks: []models.Block{{Filters: 4}}, Latent: 2, Codebook: 5, Commitment: 0.25, CodebookDecay: 0.99}

// TestRangeCoder: what goes in comes out, in little more bytes than its entropy.
func TestRangeCoder(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, count := range []int{1, 2, 3, 16, 200, 256} {
		for name, draw := range map[string]func() int{
			"even":   func() int { return random.IntN(count) },
			"skewed": func() int { return min(int(random.ExpFloat64()*float64(count)/20), count-1) },
			"last":   func() int { return count - 1 },
		} {
			values, histogram := make([]uint32, 20000), make([]float64, count)
			for i := range values {
				values[i] = uint32(draw())
				histogram[values[i]]++
			}
			e, model := newRangeEncoder(), newSymbols(count)
			for _, v := range values {
				model.encode(e, v)
			}
			coded := e.end()
			d, model := newRangeDecoder(coded), newSymbols(count)
			for i, v := range values {
				if got, ok := model.decode(d); !ok || got != v {
					t.Fatalf("%s of %d: number %d is %d, want %d", name, count, i, got, v)
				}
			}
			if err := d.err(); err != nil {
				t.Errorf("%s of %d: %v", name, count, err)
			}
			entropy := 0.0
			for _, n := range histogram {
				if n > 0 {
					entropy -= n * math.Log2(n/float64(len(values)))
				}
			}
			// Beside learning each node of the tree, the moving average costs 1/250 of a
			// decision, and certainty is never complete.
			if bound := 1.02*entropy/8 + 4*float64(count) + 40; float64(len(coded)) > bound {
				t.Errorf("%s of %d: %d bytes, want at most %.0f for an entropy of %.0f", name, count, len(coded), bound, entropy/8)
			}
		}
	}
}

// TestRangeCoderCarries: decisions that push the interval against its upper end
// run through every carry.
func TestRangeCoderCarries(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		n := 1 + random.IntN(400)
		bits, chances := make([]bool, n), make([]uint16, n)
		for i := range bits {
			chances[i] = uint16(48 + random.IntN(1<<16-96))
			if random.IntN(2) == 0 {
				chances[i] = 48
			}
			bits[i] = random.IntN(16) > 0
		}
		e := newRangeEncoder()
		for i, b := range bits {
			e.encode(b, &chance{zero: chances[i]})
		}
		d := newRangeDecoder(e.end())
		for i, b := range bits {
			if d.decode(&chance{zero: chances[i]}) != b {
				t.Fatalf("decision %d of %d is wrong", i, n)
			}
		}
	}
}

func compressed(t testing.TB, r *train.Runner, src data.Source, o CompressOptions) []byte {
	t.Helper()
	var b bytes.Buffer
	c, err := Compress(context.Background(), r, src, o, &b)
	if err != nil {
		t.Fatal(err)
	}
	if c.Bytes != int64(b.Len()) || c.Samples != src.Info().N {
		t.Errorf("%+v, but %d bytes of %d samples", c, b.Len(), src.Info().N)
	}
	return b.Bytes()
}

func decompressed(r *train.Runner, file []byte) ([]float32, error) {
	d, err := NewDecompressor(r, bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	var images []float32
	err = d.Each(context.Background(), func(from int, part []float32) error {
		if from*d.H*d.W*d.C != len(images) {
			return errors.New("samples out of order")
		}
		images = append(images, part...)
		return nil
	})
	return images, err
}

func TestCompressRoundTrip(t *testing.T) {
	const n = 11
	for name, c := range map[string]struct {
		config models.Config
		o      CompressOptions
	}{
		"bits": {small, CompressOptions{Bits: 8}}, "default": {small, CompressOptions{}},
		"step": {small, CompressOptions{Step: 0.01}}, "codebook": {smallVQ, CompressOptions{}},
	} {
		r, d := runnerOf(t, c.config), samplesOf(n, 8, 8, 1)
		file := compressed(t, r, d, c.o)
		images, err := decompressed(r, file)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want, err := r.Reconstruct(d.Values)
		if err != nil {
			t.Fatal(err)
		}
		bound := 0.02 // of a step's rounding
		if name == "codebook" {
			bound = 1e-6
		}
		for i, v := range images {
			if !(math.Abs(float64(v-want[i])) <= bound) {
				t.Fatalf("%s: value %d is %v, want %v", name, i, v, want[i])
			}
		}
		if len(images) != len(want) {
			t.Errorf("%s: %d values, want %d", name, len(images), len(want))
		}
		if again := compressed(t, r, d, c.o); !bytes.Equal(again, file) {
			t.Errorf("%s: the same samples make other bytes", name)
		}
	}
}

// TestCompressManyBlocks: more numbers than a block holds.
func TestCompressManyBlocks(t *testing.T) {
	r := runnerOf(t, models.Config{Name: "dense", Image: [3]int{1, 1, 2}, Hidden: []int{}, Latent: 2, CodeActivation: "identity"})
	d := samplesOf(blockNumbers/2*2+7, 1, 1, 2)
	file := compressed(t, r, d, CompressOptions{Bits: 3})
	images, err := decompressed(r, file)
	if err != nil || len(images) != len(d.Values) {
		t.Fatalf("%d values, %v; want %d", len(images), err, len(d.Values))
	}
	if most := fixedHeader + 2*levelBytes + 4 + d.N*6/8 + 100; len(file) > most {
		t.Errorf("%d bytes for %d codes of 2 units of 3 bits, want at most %d", len(file), d.N, most)
	}
}

func TestCompressRefuses(t *testing.T) {
	r, d := runnerOf(t, small), samplesOf(5, 8, 8, 1)
	run := func(r *train.Runner, o CompressOptions) error {
		_, err := Compress(context.Background(), r, d, o, io.Discard)
		return err
	}
	wantError(t, run(r, CompressOptions{Bits: 9}), "9 bits a unit, want 1 to 8")
	wantError(t, run(r, CompressOptions{Bits: 2, Step: 1}), "want one of the two")
	wantError(t, run(r, CompressOptions{Step: math.NaN()}), "a step of NaN")
	wantError(t, run(r, CompressOptions{Step: 1e-6}), "levels of unit 0")
	wantError(t, run(runnerOf(t, smallVQ), CompressOptions{Bits: 4}), "take no bits or step")
}

// reseal corrects the checksum of a header, so that what is in it is reached.
func reseal(file []byte, r *train.Runner) []byte {
	size := fixedHeader + levelBytes*r.Latent()
	if len(file) >= size+4 {
		binary.LittleEndian.PutUint32(file[size:], crc32.ChecksumIEEE(file[:size]))
	}
	return file
}

func TestDecompressRefusesDamage(t *testing.T) {
	r, d := runnerOf(t, small), samplesOf(9, 8, 8, 1)
	whole := compressed(t, r, d, CompressOptions{})
	changed := func(at int, b ...byte) []byte {
		file := slices.Clone(whole)
		copy(file[at:], b)
		return file
	}
	first := fixedHeader + levelBytes*3 + 4
	other := small
	other.Latent = 4
	for want, file := range map[string][]byte{
		"ends within the header":             whole[:40],
		"hourglass compress has not written": changed(0, 'P', 'N', 'G'),
		"version 2, want 1":                  changed(8, 2),
		"other weights":                      changed(12, whole[12]^1),
		"codes are of kind 1":                changed(10, 1),
		"holds 0 samples":                    changed(44, 0),
		"samples are [9 8 1]":                changed(52, 9),
		"codes have 7 numbers":               changed(64, 7),
		"header is damaged":                  changed(fixedHeader+2, whole[fixedHeader+2]^8),
		"unit 1 has 0 levels":                reseal(changed(fixedHeader+levelBytes+8, 0, 0), r),
		"unit 0 has 257 levels":              reseal(changed(fixedHeader+8, 1, 1), r),
		"of finite values":                   reseal(changed(fixedHeader, 0, 0, 0xC0, 0x7F), r),
		"a block says that it holds 10":      changed(first, 10),
		"a block is damaged":                 changed(first+10, whole[first+10]^1),
		"ends within a block":                whole[:len(whole)-1],
		"goes on behind its 9 samples":       append(slices.Clone(whole), 0),
	} {
		images, err := decompressed(r, file)
		var fault *FormatError
		if !errors.As(err, &fault) || len(images) > 9*64 {
			t.Errorf("%s: %d values, error %v", want, len(images), err)
			continue
		}
		wantError(t, err, want)
	}
	_, err := decompressed(runnerOf(t, other), whole)
	wantError(t, err, "other weights")
	_, err = decompressed(runnerOf(t, smallVQ), whole)
	wantError(t, err, "other weights")
}

// TestDecompressAllocatesWhatIsThere: lengths that the file does not have cost
// nothing.
func TestDecompressAllocatesWhatIsThere(t *testing.T) {
	r, d := runnerOf(t, small), samplesOf(9, 8, 8, 1)
	file := compressed(t, r, d, CompressOptions{})
	binary.LittleEndian.PutUint64(file[44:], math.MaxInt32) // samples
	reseal(file, r)
	at := fixedHeader + levelBytes*3 + 4
	binary.LittleEndian.PutUint32(file[at:], 9)
	binary.LittleEndian.PutUint32(file[at+4:], math.MaxUint32) // bytes
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := decompressed(r, file)
	runtime.ReadMemStats(&after)
	wantError(t, err, "ends within a block")
	if taken := after.TotalAlloc - before.TotalAlloc; taken > 1<<20 {
		t.Errorf("%d bytes allocated for a file of %d", taken, len(file))
	}
}

// FuzzDecompress: no file crashes the decoder or makes more samples than it says.
func FuzzDecompress(f *testing.F) {
	r := runnerOf(f, small)
	d := samplesOf(9, 8, 8, 1)
	for _, o := range []CompressOptions{{}, {Bits: 1}, {Step: 0.5}} {
		whole := compressed(f, r, d, o)
		f.Add(whole)
		f.Add(whole[:len(whole)-3])
	}
	digest, err := Digest(r)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		file = slices.Clone(file)
		if len(file) >= fixedHeader { // what a fuzzer cannot guess
			copy(file[12:], digest[:])
			reseal(file, r)
		}
		sealBlocks(file, fixedHeader+levelBytes*r.Latent()+4)
		dec, err := NewDecompressor(r, bytes.NewReader(file))
		if err != nil {
			return
		}
		samples := 0
		err = dec.Each(context.Background(), func(from int, images []float32) error {
			if from != samples {
				t.Fatalf("sample %d after %d", from, samples)
			}
			samples += len(images) / 64
			return nil
		})
		if samples > dec.N || err == nil && samples != dec.N {
			t.Fatalf("%d samples of %d, %v", samples, dec.N, err)
		}
	})
}

// sealBlocks corrects the checksums of the blocks from an offset on.
func sealBlocks(file []byte, at int) {
	for at+8 <= len(file) {
		size := int(binary.LittleEndian.Uint32(file[at+4:]))
		if size > len(file)-at-12 {
			return
		}
		end := at + 8 + size
		binary.LittleEndian.PutUint32(file[end:], crc32.ChecksumIEEE(file[at:end]))
		at = end + 4
	}
}
