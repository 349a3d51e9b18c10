package main

import (
	"bytes"
	"fmt"
	"image"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"

	"hourglass/data/disk"
	"hourglass/kernels"
	"hourglass/models/export"
)

// form is how images are written.
type form int

const (
	asArray  form = iota // .npy
	asPNG                // one picture of all
	asFolder             // one PNG each
)

// formOf returns the form that a path asks for, and an error where a folder of
// that name has something in it.
func formOf(path string) (form, error) {
	if path == "" {
		return 0, usagef("--out is missing: want x.npy, x.png or a new folder")
	}
	switch ending := filepath.Ext(path); ending {
	case ".npy":
		return asArray, nil
	case ".png":
		return asPNG, nil
	case "":
		return asFolder, checkEmpty(path)
	default:
		return 0, usagef("--out %s: want an ending of .npy or .png, or none for a folder, got %s", path, ending)
	}
}

func checkEmpty(path string) error {
	entries, err := os.ReadDir(path)
	switch {
	case os.IsNotExist(err):
		return nil
	case err != nil:
		return usagef("--out: %w", err)
	case len(entries) > 0:
		return usagef("--out %s: the folder is not empty; choose another name", path)
	}
	return nil
}

// writeImages writes images [n H W C].
func writeImages(path string, as form, pixels []float32, shape kernels.Shape) error {
	pictures := picturesOf(pixels, shape)
	switch as {
	case asArray:
		return disk.WriteFile(path, func(w io.Writer) error {
			return export.WriteNPY(w, append([]int{len(pictures)}, shape...), pixels)
		})
	case asPNG:
		im, err := export.Tile(pictures, columnsOf(len(pictures)), export.GridOptions{})
		if err != nil {
			return err
		}
		return writePNG(path, im)
	}
	return writeFolder(path, pictures)
}

// writeFolder writes a PNG for each picture to a new folder, or nothing at all.
// The folder takes its name once it is complete. Its files are not forced to
// the disk one by one: that takes minutes, and they can be made again.
func writeFolder(path string, pictures []export.Image) error {
	path = filepath.Clean(path)
	staging, err := os.MkdirTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(staging) // nothing is left of it after the rename
	digits := len(fmt.Sprint(len(pictures) - 1))
	var encoded bytes.Buffer
	for i, p := range pictures {
		im, err := export.Plain(p)
		if err != nil {
			return err
		}
		encoded.Reset()
		if err := export.WritePNG(&encoded, im); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(staging, fmt.Sprintf("%0*d.png", digits, i)), encoded.Bytes(), 0o666); err != nil {
			return err
		}
	}
	if err := os.Chmod(staging, 0o755); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) { // an empty folder may be there
		return err
	}
	return os.Rename(staging, path)
}

// writeGrid writes a picture of rows.
func writeGrid(path string, rows []export.Row) error {
	var im image.Image
	im, err := export.Grid(rows, export.GridOptions{})
	if err != nil {
		return err
	}
	return writePNG(path, im)
}

// columnsOf makes n pictures a square, or nearly so.
func columnsOf(n int) int { return max(1, int(math.Ceil(math.Sqrt(float64(n))))) }

// sortedKeys returns the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
