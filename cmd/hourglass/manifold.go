package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"hourglass/models/export"
	"hourglass/models/tasks"
)

// manifoldPixels is about how wide and high the picture of a manifold is.
const manifoldPixels = 1200

func manifoldCommand() *cobra.Command {
	var a applied
	var out string
	var side int
	var axes []int
	takes := []form{asPNG, asArray, asStream}
	c := &cobra.Command{
		Use:   "manifold RUN",
		Short: "Show the images of a plane of codes",
		Long: "Show the images that a plane of codes stands for, as a square. Of codes of two units\n" +
			"that is all of them; of others the plane lies along the two that --axes names, or\n" +
			"else along the first two principal components of the codes of the first images.\n" +
			"Places are at even quantiles of those codes, or along units of a vae of its prior, so\n" +
			"that each stands for as many images. --out decides the form: x.png for a picture,\n" +
			"x.npy for an array float32 [side·side H W C] in reading order.",
		Example: "  hourglass manifold runs/two --out manifold.png\n" +
			"  hourglass manifold runs/vae-builtin --axes 3,7 --side 12 --out manifold.png",
		Args: exactArgs(1, "the folder of a run"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := a.output(cmd.OutOrStdout(), out, takes...)
			if err != nil {
				return err
			}
			if side < 2 || side > mostSide {
				return usagef("--side is %d, want 2 to %d", side, mostSide)
			}
			if axes != nil && len(axes) != 2 {
				return usagef("--axes names %d units, want two, as 3,7", len(axes))
			}
			ctx, end, err := a.begin(cmd, args[0])
			if err != nil {
				return err
			}
			defer end()
			if err := a.checkUnits(args[0]); err != nil {
				return err
			}
			z := a.runner.Latent()
			if z < 2 {
				return usagef("the codes of %s have one unit, which spans no plane; hourglass traverse shows what it does", args[0])
			}
			options := tasks.ManifoldOptions{Side: side}
			if axes != nil {
				x, y := axes[0], axes[1]
				if x < 0 || y < 0 || x >= z || y >= z || x == y {
					return usagef("--axes %d,%d: want two units of 0 to %d", x, y, z-1)
				}
				options.Axes = &[2]int{x, y}
			}
			options.Prior = a.settings.Model.HasPrior() && (z == 2 || axes != nil)
			codes, info, err := a.survey(ctx)
			if err != nil {
				return err
			}
			m, err := tasks.NewManifold(codes, z, options)
			if err != nil {
				return err
			}
			as := a.samplesOf(info, side*side)
			if err := a.writeManifold(ctx, o, as, m); err != nil {
				return err
			}
			s := manifoldSummary{summary{args[0], info.Name, side * side, as.shape, out}, [2]string{m.X, m.Y}}
			return a.tell(o, s, "%d×%d images in %s: %s to the right, %s upwards", side, side, out, m.X, m.Y)
		},
	}
	f := c.Flags()
	f.StringVar(&out, "out", "", outUsage(takes...))
	f.IntVar(&side, "side", 20, fmt.Sprintf("images in a line, and lines, at most %d", mostSide))
	f.IntSliceVar(&axes, "axes", nil, "two units, as 3,7 (default the codes' principal components)")
	a.addDataFlags(f, "survey the codes of the first N images (default 1000)")
	a.addRawFlag(f)
	a.addJSONFlag(f)
	a.addDeviceFlags(f)
	return c
}

// manifoldSummary is what --json prints.
type manifoldSummary struct {
	summary
	Axes [2]string `json:"axes"` // to the right and upwards
}

// writeManifold decodes and writes a plane of codes.
func (a *applied) writeManifold(ctx context.Context, o output, as array, m tasks.Manifold) error {
	src, err := tasks.CodeSource("plane", m.Codes, a.runner.Latent())
	if err != nil {
		return err
	}
	produce := func(add func([]float32) error) error {
		return tasks.Decode(ctx, a.runner, src, func(_ int, x []float32) error { return add(x) })
	}
	if o.numbers() {
		return a.writeSamples(o, as, "images", produce)
	}
	pictures, err := as.pictures(produce)
	if err != nil {
		return err
	}
	longer := max(pictures[0].H, pictures[0].W)
	im, err := export.Tile(pictures, m.Side, export.GridOptions{Scale: max(1, manifoldPixels/(m.Side*longer))})
	if err != nil {
		return err
	}
	return writePNG(o.path, im)
}
