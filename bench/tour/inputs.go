package main

import (
	"bufio"
	"fmt"
	"image"
	"image/color"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"

	"hourglass/data"
	"hourglass/data/disk"
	"hourglass/models/export"
)

// The files that the tour begins with, beside the data it is given.
const (
	seriesSteps   = 20000
	seriesTest    = 6000
	ringPoints    = 3000
	photoTrain    = 4000
	photoTest     = 600
	noisyPictures = 20
	scratchSide   = 28
	normalDigit   = 3
)

// writeInputs writes what people bring: photographs in folders of their classes,
// a table of what a sensor read, sound, points of the plane, noisy scans, the
// digits of one class, and a picture of where something is missing.
func writeInputs(out, spec string, quick bool) error {
	train, test := photoTrain, photoTest
	if quick {
		train, test = 120, 60
	}
	folder := filepath.Join(out, "files")
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return err
	}
	if err := writePhotos(filepath.Join(folder, "photos"), train, test); err != nil {
		return err
	}
	for part, steps := range map[data.Split]int{data.Train: seriesSteps, data.Test: seriesTest} {
		series := data.SyntheticSeries(2, part, steps)
		if err := writeSeries(filepath.Join(folder, fmt.Sprintf("sensor-%s.csv", part)), series); err != nil {
			return err
		}
	}
	if err := writeRings(filepath.Join(folder, "rings.csv")); err != nil {
		return err
	}
	if err := writeSound(folder); err != nil {
		return err
	}
	if err := writeScratch(filepath.Join(folder, "scratch.png")); err != nil {
		return err
	}
	digits, err := data.OpenSource(spec, data.Train, data.Options{})
	if err != nil {
		return err
	}
	if info := digits.Info(); info.Labels == nil || info.H < 16 || info.W < 16 || info.C != 1 {
		return fmt.Errorf("%s has samples [%d %d %d]; the tour wants labelled grey images of at least 16 by 16", spec, info.H, info.W, info.C)
	}
	if err := writeDigit(filepath.Join(folder, "threes.npy"), digits); err != nil {
		return err
	}
	return writeScans(folder, digits)
}

// writePhotos writes coloured scenes as PNG files into train/CLASS and test/CLASS.
func writePhotos(folder string, train, test int) error {
	names := []string{"disc", "square", "triangle", "ring", "cross", "bar"}
	for part, n := range map[data.Split]int{data.Train: train, data.Test: test} {
		src, err := data.OpenSource("shapes:seed=3", part, data.Options{})
		if err != nil {
			return err
		}
		if src, err = data.Limit(src, n); err != nil {
			return err
		}
		values, err := data.First(src, n)
		if err != nil {
			return err
		}
		info := src.Info()
		for i := range n {
			dir := filepath.Join(folder, part.String(), names[info.Labels[i]])
			if err := os.MkdirAll(dir, 0o777); err != nil {
				return err
			}
			im := picture(values[i*info.SampleSize():][:info.SampleSize()], info)
			if err := writePNG(filepath.Join(dir, fmt.Sprintf("%05d.png", i)), im); err != nil {
				return err
			}
		}
	}
	return nil
}

// picture is an image of values, kept to 0 … 1, of one channel or three.
func picture(values []float32, info data.Info) image.Image {
	at := func(i int) uint8 { return uint8(255*min(max(values[i], 0), 1) + 0.5) }
	bounds := image.Rect(0, 0, info.W, info.H)
	if info.C == 1 {
		im := image.NewGray(bounds)
		for i := range im.Pix {
			im.Pix[i] = at(i)
		}
		return im
	}
	im := image.NewNRGBA(bounds)
	for p := range info.H * info.W {
		im.SetNRGBA(p%info.W, p/info.W, color.NRGBA{at(3 * p), at(3*p + 1), at(3*p + 2), 255})
	}
	return im
}

// writePNG writes a small file fast: a thousand of them need not each be on the
// disk before the next is begun, as data/disk would have it.
func writePNG(path string, im image.Image) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := export.WritePNG(f, im); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return f.Close()
}

// writeLines writes a text file through a buffer.
func writeLines(path string, write func(w io.Writer)) error {
	return disk.WriteFile(path, func(w io.Writer) error {
		b := bufio.NewWriter(w)
		write(b)
		return b.Flush()
	})
}

// writeSeries writes a line for each step: the reading in volts, and whether
// something was wrong.
func writeSeries(path string, s *data.Series) error {
	return writeLines(path, func(w io.Writer) {
		fmt.Fprintln(w, "time,volts,fault")
		for i, v := range s.Values {
			fault := 0
			if s.Anomalous != nil && s.Anomalous[i] {
				fault = 1
			}
			fmt.Fprintf(w, "%d,%.4f,%d\n", i, v, fault)
		}
	})
}

// writeRings writes points of the plane about two rings.
func writeRings(path string) error {
	random := rand.New(rand.NewPCG(1, 2))
	return writeLines(path, func(w io.Writer) {
		fmt.Fprintln(w, "x,y")
		for i := range ringPoints {
			radius := 0.5 + 0.5*float64(i%2) + 0.03*random.NormFloat64()
			sin, cos := math.Sincos(2 * math.Pi * random.Float64())
			fmt.Fprintf(w, "%.4f,%.4f\n", radius*cos, radius*sin)
		}
	})
}

// writeScratch writes a mask, white where pixels are missing: a broad stroke
// from corner to corner.
func writeScratch(path string) error {
	im := image.NewGray(image.Rect(0, 0, scratchSide, scratchSide))
	for p := range im.Pix {
		if x, y := p%scratchSide, p/scratchSide; x-y >= -2 && x-y <= 2 {
			im.Pix[p] = 255
		}
	}
	return writePNG(path, im)
}

// writeDigit writes the images of one class as an array.
func writeDigit(path string, digits data.Source) error {
	info := digits.Info()
	var index []int32
	for i, label := range info.Labels {
		if label == normalDigit {
			index = append(index, int32(i))
		}
	}
	if len(index) == 0 {
		return fmt.Errorf("%s: want images of the class %d", info.Name, normalDigit)
	}
	values := make([]float32, len(index)*info.SampleSize())
	if err := digits.Read(values, index); err != nil {
		return err
	}
	return disk.WriteFile(path, func(w io.Writer) error {
		return export.WriteNPY(w, []int{len(index), info.H, info.W, info.C}, values)
	})
}

// writeScans writes a few digits as PNG files, as they should be and with noise.
func writeScans(folder string, digits data.Source) error {
	info := digits.Info()
	values, err := data.First(digits, noisyPictures)
	if err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(3, 4))
	for _, name := range []string{"clean", "scans"} {
		if err := os.MkdirAll(filepath.Join(folder, name), 0o777); err != nil {
			return err
		}
		for i := range noisyPictures {
			own := values[i*info.SampleSize():][:info.SampleSize()]
			if name == "scans" {
				for p := range own {
					own[p] += 0.4 * float32(random.NormFloat64())
				}
			}
			if err := writePNG(filepath.Join(folder, name, fmt.Sprintf("%02d.png", i)), picture(own, info)); err != nil {
				return err
			}
		}
	}
	return nil
}
