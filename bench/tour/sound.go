package main

import (
	"io"
	"math"
	"math/rand/v2"
	"path/filepath"

	"hourglass/data/disk"
	"hourglass/models/export"
)

// The sound of the tour: seconds to train on and to clean, and how loud the noise
// is where a tune goes from -1 to 1.
const (
	soundRate    = 8000
	tuneSeconds  = 60
	noisySeconds = 8
	hiss         = 0.1
)

// writeSound writes a tune to learn from, and another as it should be and with
// noise.
func writeSound(folder string) error {
	if err := writeWAV(filepath.Join(folder, "tune.wav"), tune(1, tuneSeconds)); err != nil {
		return err
	}
	other := tune(2, noisySeconds)
	if err := writeWAV(filepath.Join(folder, "clean.wav"), other); err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(5, 6))
	for i := range other {
		other[i] += hiss * float32(random.NormFloat64())
	}
	return writeWAV(filepath.Join(folder, "noisy.wav"), other)
}

// tune is so many seconds of notes drawn from two octaves of a pentatonic scale,
// four a second, each of three harmonics that fade.
func tune(seed uint64, seconds int) []float32 {
	random := rand.New(rand.NewPCG(seed, 0))
	frames := make([]float32, seconds*soundRate)
	const note = soundRate / 4
	for from := 0; from < len(frames); from += note {
		degree := random.IntN(10)
		semitones := 12*(degree/5) + []int{0, 2, 4, 7, 9}[degree%5]
		pitch := 220 * math.Exp2(float64(semitones)/12)
		for i := range note {
			at := float64(i) / soundRate
			sound := 0.0
			for harmonic := 1.0; harmonic <= 3; harmonic++ {
				sound += math.Sin(2*math.Pi*harmonic*pitch*at) / (harmonic * harmonic)
			}
			// Without a few milliseconds to begin and end in, each note would click.
			edge := min(1, at/0.01, (0.25-at)/0.01)
			frames[from+i] = float32(0.5 * edge * math.Exp(-4*at) * sound)
		}
	}
	return frames
}

// writeWAV writes a sound as one window.
func writeWAV(path string, frames []float32) error {
	return disk.WriteFile(path, func(w io.Writer) error {
		f, err := export.NewWAV(w, soundRate, 1, len(frames), len(frames))
		if err != nil {
			return err
		}
		if err := f.Write(frames); err != nil {
			return err
		}
		return f.Close()
	})
}
