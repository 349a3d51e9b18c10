package main

import (
	"io"

	"hourglass/data/disk"
	"hourglass/models/export"
)

// A picture of a film is shown for so many hundredths of a second, the ends for
// more.
const (
	frameTime = 8
	endTime   = 60
)

// writeFilm shows rows of pictures as a film: each row is one picture in it that
// goes through the row's and back.
func writeFilm(path string, rows [][]export.Image) error {
	var frames []export.Frame
	steps := len(rows[0])
	for k := range steps {
		var shown []export.Image
		for _, row := range rows {
			shown = append(shown, row[k])
		}
		im, err := export.Tile(shown, columnsOf(len(shown)), export.GridOptions{})
		if err != nil {
			return err
		}
		frames = append(frames, export.Frame{Image: im, Delay: frameTime})
	}
	frames[0].Delay, frames[steps-1].Delay = endTime, endTime
	for k := steps - 2; k > 0; k-- {
		frames = append(frames, frames[k])
	}
	return disk.WriteFile(path, func(w io.Writer) error { return export.WriteGIF(w, frames) })
}

// rowsOf cuts samples [n steps H W C] into n rows of pictures.
func rowsOf(values []float32, shape []int, steps int) [][]export.Image {
	pictures := picturesOf(values, shape)
	var rows [][]export.Image
	for ; len(pictures) >= steps; pictures = pictures[steps:] {
		rows = append(rows, pictures[:steps])
	}
	return rows
}
