package main

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"hourglass/data"
	"hourglass/models/export"
	"hourglass/models/tasks"
)

// gridImages is how many images a picture shows unless told.
const gridImages = 64

// summary is what --json prints of a command that writes samples.
type summary struct {
	Run   string `json:"run"`
	Data  string `json:"data,omitempty"`
	Count int    `json:"count"`
	Shape []int  `json:"shape"` // of one
	Out   string `json:"out"`
}

func reconstructCommand() *cobra.Command {
	var a applied
	var out string
	takes := []form{asArray, asTable, asPNG, asFolder, asWAV, asStream}
	c := &cobra.Command{
		Use:   "reconstruct RUN",
		Short: "Send images through a trained model",
		Long: "Send images through the best weights of a run. --out decides the form: x.npy for\n" +
			"an array float32 [N H W C] of reconstructions in [0, 1], - for the same on standard\n" +
			"output, x.csv for a line of numbers each, x.png for a picture of originals over\n" +
			"reconstructions (series: the original in grey behind), a name without an ending for\n" +
			"a folder of one PNG for each reconstruction, x.wav for the sound of one WAV file.",
		Example: "  hourglass reconstruct runs/mnist --out reconstructions.png\n" +
			"  hourglass reconstruct runs/mnist --data mnist:DIR --split train --out - | gzip > x.npy.gz",
		Args: exactArgs(1, "the folder of a run"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := a.output(cmd.OutOrStdout(), out, takes...)
			if err != nil {
				return err
			}
			ctx, end, err := a.begin(cmd, args[0])
			if err != nil {
				return err
			}
			defer end()
			if o.form == asPNG && a.Limit == 0 {
				a.Limit = gridImages
			}
			a.overlap = o.form == asWAV
			src, err := a.source()
			if err != nil {
				return err
			}
			info := src.Info()
			if o.form == asPNG {
				err = a.drawPairs(ctx, o, src)
			} else {
				err = a.writeSamples(o, a.samplesOf(info, info.N), "images", func(add func([]float32) error) error {
					return tasks.Reconstruct(ctx, a.runner, src, func(_ int, _, copies []float32) error { return add(copies) })
				})
			}
			if err != nil {
				return err
			}
			return a.tell(o, summary{args[0], info.Name, info.N, a.runner.Shape(), out}, "%d reconstructions of %s in %s", info.N, info.Name, out)
		},
	}
	c.Flags().StringVar(&out, "out", "", outUsage(takes...))
	a.addDataFlags(c.Flags(), "the first N images alone (default all, of a picture 64)")
	a.addRawFlag(c.Flags())
	a.addJSONFlag(c.Flags())
	a.addDeviceFlags(c.Flags())
	return c
}

// writeSamples is output.write with a bar.
func (a *applied) writeSamples(o output, as array, what string, produce emit) error {
	if err := o.checkSound(as); err != nil {
		return err
	}
	bar := a.progress(as.n, what)
	defer bar.end()
	done := 0
	return o.write(as, func(add func([]float32) error) error {
		return produce(func(values []float32) error {
			if err := add(values); err != nil {
				return err
			}
			done += len(values) / as.shape.Size()
			bar.at(done)
			return nil
		})
	})
}

// drawPairs draws originals over reconstructions, or those of series in front of
// them.
func (a *applied) drawPairs(ctx context.Context, o output, src data.Source) error {
	if err := o.checkDrawn(src.Info().N); err != nil {
		return err
	}
	var originals, copies []float32
	err := tasks.Reconstruct(ctx, a.runner, src, func(_ int, x, y []float32) error {
		originals, copies = append(originals, x...), append(copies, y...)
		return nil
	})
	if err != nil {
		return err
	}
	shape := a.runner.Shape()
	if isSeries(shape) {
		im, err := export.Tile(overlaid(originals, copies, shape), columnsOf(src.Info().N/2), export.GridOptions{})
		if err != nil {
			return err
		}
		return writePNG(o.path, im)
	}
	rows, err := export.Pairs(picturesOf(originals, shape), picturesOf(copies, shape), columnsOf(2*src.Info().N))
	if err != nil {
		return err
	}
	return writeGrid(o.path, rows)
}

// overlaid draws series in front of their originals.
func overlaid(originals, copies []float32, shape []int) []export.Image {
	var all []export.Image
	for size := shape[1] * shape[2]; len(copies) >= size; originals, copies = originals[size:], copies[size:] {
		im := export.Image{H: 1, W: shape[1], C: shape[2]}
		original := im
		im.Pix, original.Pix = slices.Clone(copies[:size]), originals[:size]
		all = append(all, traceOf(im, original))
	}
	return all
}
