package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"hourglass/models/export"
	"hourglass/models/tasks"
)

func filtersCommand() *cobra.Command {
	var a applied
	var out, layer string
	takes := []form{asPNG, asArray}
	c := &cobra.Command{
		Use:   "filters RUN",
		Short: "Draw what the units of a layer respond to",
		Long: "Draw the weights of a layer, the first unless --layer names another: the filters of a\n" +
			"convolution, each channel by itself unless there are 1 or 3, or, of a dense layer on\n" +
			"the image, an image for each unit. Grey is 0; each is scaled by its largest weight.\n" +
			"x.png is a picture of them, x.npy an array of all [N H W C] from 0 to 1.",
		Example: "  hourglass filters runs/mnist --out filters.png",
		Args:    exactArgs(1, "the folder of a run"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := a.output(cmd.OutOrStdout(), out, takes...)
			if err != nil {
				return err
			}
			_, end, err := a.begin(cmd, args[0])
			if err != nil {
				return err
			}
			defer end()
			layers, err := tasks.FilterLayers(a.runner)
			if err != nil {
				return err
			}
			f, err := tasks.FiltersOf(a.runner, layer)
			if err != nil {
				return usageError{err}
			}
			n := f.N
			if a.Limit > 0 {
				n = min(n, a.Limit)
			} else if o.form == asPNG {
				n = min(n, 4*gridImages)
			}
			values := f.Values[:n*f.H*f.W*f.C]
			if o.form == asPNG {
				err = drawFilters(out, f, values)
			} else {
				err = o.write(array{n: n, shape: []int{f.H, f.W, f.C}}, func(add func([]float32) error) error { return add(values) })
			}
			if err != nil {
				return err
			}
			told := struct {
				summary
				Layer  string   `json:"layer"`
				Layers []string `json:"layers"`
			}{summary{Run: args[0], Count: n, Shape: []int{f.H, f.W, f.C}, Out: out}, f.Layer, layers}
			return a.tell(o, told, "%d of %d pictures of %s in %s; layers: %s", n, f.N, f.Layer, out, strings.Join(layers, ", "))
		},
	}
	c.Flags().StringVar(&out, "out", "", outUsage(takes...))
	c.Flags().StringVar(&layer, "layer", "", "the variable to draw, as encoder.0.weight (default the first that makes pictures)")
	c.Flags().IntVar(&a.Limit, "limit", 0, fmt.Sprintf("the first N alone (default all, of a picture %d)", 4*gridImages))
	a.addJSONFlag(c.Flags())
	a.addDeviceFlags(c.Flags())
	return c
}

// filterGap keeps filters of 3×3 squares apart.
const filterGap = 8

// drawFilters draws pictures, those of sequences as curves.
func drawFilters(path string, f *tasks.Filters, values []float32) error {
	pictures := picturesOf(values, []int{f.H, f.W, f.C})
	im, err := export.Tile(pictures, columnsOf(len(pictures)), export.GridOptions{Gap: filterGap})
	if err != nil {
		return err
	}
	return writePNG(path, im)
}
