package main

import (
	"context"
	"fmt"
	"math"

	"github.com/spf13/cobra"

	"hourglass/data"
	"hourglass/kernels"
	"hourglass/models/export"
	"hourglass/models/tasks"
)

// surveyed is of how many images codes are taken that tell what codes are like.
const surveyed = 1000

func traverseCommand() *cobra.Command {
	var a applied
	var out string
	var image int
	var o tasks.TraverseOptions
	takes := []form{asPNG, asGIF, asArray, asStream}
	c := &cobra.Command{
		Use:   "traverse RUN",
		Short: "Show what each unit of the code does",
		Long: "Show what each unit of the code does: one unit at a time goes from −3 to 3 standard\n" +
			"deviations about its mean, and the codes are decoded. Means and deviations are\n" +
			"those of the codes of the first images; a unit is kept to the range that it has\n" +
			"there. The other units are at their mean, or with --image at the code of an image.\n" +
			"--out decides the form: x.png for a line of pictures for each unit, those that vary\n" +
			"most first, x.gif for a film of them, x.npy for an array float32 [units steps H W C].",
		Example: "  hourglass traverse runs/vae-builtin --out units.png\n" +
			"  hourglass traverse runs/vae-builtin --image 5 --units 0,3,7 --out units.gif",
		Args: exactArgs(1, "the folder of a run"),
		RunE: func(cmd *cobra.Command, args []string) error {
			to, err := a.output(cmd.OutOrStdout(), out, takes...)
			if err != nil {
				return err
			}
			switch {
			case o.Steps < 2 || o.Steps > mostSteps:
				return usagef("--steps is %d, want 2 to %d", o.Steps, mostSteps)
			case image < -1:
				return usagef("--image is %d, want 0 or more", image)
			case !(o.Range > 0):
				return usagef("--range is %g, want more than 0", o.Range)
			}
			ctx, end, err := a.begin(cmd, args[0])
			if err != nil {
				return err
			}
			defer end()
			if err := a.checkUnits(args[0]); err != nil {
				return err
			}
			for _, unit := range o.Units {
				if z := a.runner.Latent(); unit < 0 || unit >= z {
					return usagef("--units %d: the codes of %s have the units 0 to %d", unit, args[0], z-1)
				}
			}
			codes, info, err := a.survey(ctx)
			if err != nil {
				return err
			}
			if image >= 0 {
				if o.Center, err = a.codeOf(image); err != nil {
					return err
				}
			}
			v, err := tasks.Traverse(codes, a.runner.Latent(), o)
			if err != nil {
				return err
			}
			if err := to.checkDrawn(len(v.Units) * len(v.Steps)); err != nil {
				return err
			}
			if err := a.writeTraversal(ctx, to, v, info); err != nil {
				return err
			}
			s := traverseSummary{summary{args[0], info.Name, len(v.Units), append([]int{len(v.Steps)}, a.runner.Shape()...), out}, v.Units, v.Steps}
			return a.tell(to, s, "%d units of the code in %d steps in %s", len(v.Units), len(v.Steps), out)
		},
	}
	f := c.Flags()
	f.StringVar(&out, "out", "", outUsage(takes...))
	f.IntSliceVar(&o.Units, "units", nil, "which, as 0,3,7 (default the 16 that vary most)")
	f.IntVar(&o.Steps, "steps", 9, fmt.Sprintf("values of each unit, at most %d", mostSteps))
	f.Float64Var(&o.Range, "range", 3, "standard deviations up and down")
	f.IntVar(&image, "image", -1, "depart from the code of this image, not from the mean")
	a.addDataFlags(f, fmt.Sprintf("means and deviations of the codes of the first N images (default %d)", surveyed))
	a.addRawFlag(f)
	a.addJSONFlag(f)
	a.addDeviceFlags(f)
	return c
}

// traverseSummary is what --json prints.
type traverseSummary struct {
	summary
	Units []int     `json:"units"`
	Steps []float64 `json:"steps"` // in standard deviations
}

// checkUnits returns a usage error for a model whose codes cannot be changed unit
// by unit.
func (a *applied) checkUnits(run string) error {
	if a.settings.Model.Codebook == 0 {
		return nil
	}
	return usagef("%s is a vqvae, whose codes are a grid of entries of a codebook: between those there is nothing to show; train a vae, or hourglass reconstruct shows what this one makes of images", run)
}

// survey returns the codes of the first images.
func (a *applied) survey(ctx context.Context) ([]float32, data.Info, error) {
	if a.Limit == 0 {
		a.Limit = surveyed
		defer func() { a.Limit = 0 }()
	}
	src, err := a.source()
	if err != nil {
		return nil, data.Info{}, err
	}
	codes, err := a.codesOfAll(ctx, src)
	return codes, src.Info(), err
}

// codeOf returns the code of an image.
func (a *applied) codeOf(image int) ([]float32, error) {
	limit := a.Limit
	a.Limit = 0
	defer func() { a.Limit = limit }()
	src, err := a.source()
	if err != nil {
		return nil, err
	}
	if n := src.Info().N; image >= n {
		return nil, usagef("--image %d: %s has those from 0 to %d", image, src.Info().Name, n-1)
	}
	pixels := make([]float32, src.Info().SampleSize())
	if err := src.Read(pixels, []int32{int32(image)}); err != nil {
		return nil, err
	}
	return a.runner.Encode(pixels)
}

// writeTraversal decodes and writes a traversal.
func (a *applied) writeTraversal(ctx context.Context, o output, v tasks.Traversal, info data.Info) error {
	src, err := tasks.CodeSource("traversal", v.Codes, a.runner.Latent())
	if err != nil {
		return err
	}
	produce := func(add func([]float32) error) error {
		return tasks.Decode(ctx, a.runner, src, func(_ int, x []float32) error { return add(x) })
	}
	if o.numbers() {
		as := a.samplesOf(info, len(v.Units))
		as.shape = append(kernels.Shape{len(v.Steps)}, as.shape...)
		return a.writeSamples(o, as, "images", produce)
	}
	var samples []float32
	if err := produce(func(x []float32) error { samples = append(samples, x...); return nil }); err != nil {
		return err
	}
	pictures := rowsOf(samples, a.runner.Shape(), len(v.Steps))
	if o.form == asGIF {
		return writeFilm(o.path, pictures)
	}
	var rows []export.Row
	for i, unit := range v.Units {
		rows = append(rows, export.Row{Label: fmt.Sprintf("unit %d", unit), Images: pictures[i]})
	}
	var heads []string
	for _, step := range v.Steps {
		if math.Abs(step) < 1e-9 {
			heads = append(heads, "mean")
			continue
		}
		heads = append(heads, fmt.Sprintf("%+.3g sd", step))
	}
	im, err := export.Grid(rows, export.GridOptions{Columns: heads})
	if err != nil {
		return err
	}
	return writePNG(o.path, im)
}
