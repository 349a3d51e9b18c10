package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"hourglass/data"
	"hourglass/models/tasks"
)

// codesUsage is what help says of --codes.
const codesUsage = "codes as encode writes them: x.npy, x.npz, x.csv, or - for an NPY on standard input"

// codesOfAll returns the codes [N z] of all samples of a source.
func (a *applied) codesOfAll(ctx context.Context, src data.Source) ([]float32, error) {
	z, n := a.runner.Latent(), src.Info().N
	bar := a.progress(n, "codes")
	defer bar.end()
	all := make([]float32, 0, n*z)
	err := tasks.Encode(ctx, a.runner, src, func(_ int, codes []float32) error {
		all = append(all, codes...)
		bar.at(len(all) / z)
		return nil
	})
	return all, err
}

// codes opens a file of codes of the model.
func (a *applied) codes(path string) (data.Source, error) {
	src, err := a.codesOf(path)
	if err != nil {
		return nil, err
	}
	if info := src.Info(); info.SampleSize() != a.runner.Latent() {
		return nil, fmt.Errorf("the codes of %s are of %d numbers, those of the model of %d", path, info.SampleSize(), a.runner.Latent())
	}
	return src, nil
}

func (a *applied) codesOf(path string) (data.Source, error) {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".csv":
		return readCodes(path)
	case ".npz":
		return data.OpenNumbers(path, "codes")
	case ".npy":
		return data.OpenNumbers(path, "")
	}
	if path != "-" {
		return nil, usagef("--codes %s: want x.npy, x.npz, x.csv, or - for an NPY on standard input", path)
	}
	spooled, err := a.spool(".npy")
	if err != nil {
		return nil, err
	}
	return a.ofInput(data.OpenNumbers(spooled, ""))
}

// readCodes reads a table of codes: a line each, below a line of names or none,
// with or without a column label.
func readCodes(path string) (data.Source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := csv.NewReader(bufio.NewReader(f))
	r.ReuseRecord = true
	var codes []float32
	label, z := -1, 0
	for first := true; ; first = false {
		fields, err := r.Read() // every line has as many fields as the first
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if first {
			z = len(fields)
			if _, err := strconv.ParseFloat(fields[0], 32); err != nil {
				for i, name := range fields {
					if name == "label" {
						label, z = i, z-1
					}
				}
				continue
			}
		}
		for i, text := range fields {
			if i == label {
				continue
			}
			v, err := strconv.ParseFloat(strings.TrimSpace(text), 32)
			if err != nil {
				line, _ := r.FieldPos(i)
				return nil, fmt.Errorf("%s: line %d, column %d: %q is not a number", path, line, i+1, text)
			}
			codes = append(codes, float32(v))
		}
	}
	if len(codes) == 0 {
		return nil, fmt.Errorf("%s: want a line of numbers for each code, got none", path)
	}
	return tasks.CodeSource(path, codes, z)
}
