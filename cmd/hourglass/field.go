package main

import (
	"bufio"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"hourglass/data/disk"
	"hourglass/models/plots"
	"hourglass/models/tasks"
)

func fieldCommand() *cobra.Command {
	var a applied
	var out, table string
	var side int
	c := &cobra.Command{
		Use:   "field RUN",
		Short: "Draw where a model moves points of the plane",
		Long: "Draw r(x) - x, by what the reconstruction r of a model moves each place x of the\n" +
			"plane, as arrows over the data: rows of a table of two columns. Near the data a\n" +
			"denoising or contractive model points to where they are denser. Places are numbers\n" +
			"from 0 to 1, as the model has them.",
		Example: "  hourglass train --data csv:rings.csv --model dense --hidden 64,64 --latent 2 --denoise gaussian:0.05 --out runs/rings\n" +
			"  hourglass field runs/rings --out field.png",
		Args: exactArgs(1, "the folder of a run"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if out == "" {
				return usagef("--out is missing: want x.png or x.svg")
			}
			if err := checkFigures("out", out); err != nil {
				return err
			}
			if err := checkFile("table", table, ".csv"); err != nil {
				return err
			}
			if side < 2 || side > mostSide {
				return usagef("--side is %d, want 2 to %d", side, mostSide)
			}
			ctx, end, err := a.begin(cmd, args[0])
			if err != nil {
				return err
			}
			defer end()
			if a.Limit == 0 {
				a.Limit = projectLimit
			}
			src, err := a.source()
			if err != nil {
				return err
			}
			vectors, points, err := tasks.Field(ctx, a.runner, src, side)
			if err != nil {
				return err
			}
			title := fmt.Sprintf("r(x) − x of %s on %s", a.settings.Model.Name, src.Info().Name)
			if err := plots.WriteFile(out, fieldOf(title, vectors, points)); err != nil {
				return err
			}
			if table != "" {
				if err := disk.WriteFile(table, func(w io.Writer) error { return writeField(w, vectors) }); err != nil {
					return err
				}
			}
			return a.tell(output{}, summary{args[0], src.Info().Name, len(vectors), []int{2}, out}, "%d arrows over %d points of %s in %s", len(vectors), src.Info().N, src.Info().Name, out)
		},
	}
	c.Flags().StringVar(&out, "out", "", "where to"+figureUsage)
	c.Flags().StringVar(&table, "table", "", "write the arrows too: x.csv")
	c.Flags().IntVar(&side, "side", 25, "arrows along each side of the grid")
	a.addDataFlags(c.Flags(), fmt.Sprintf("the first N points alone (default %d)", projectLimit))
	a.addJSONFlag(c.Flags())
	a.addDeviceFlags(c.Flags())
	return c
}

func fieldOf(title string, vectors []tasks.FieldVector, points []float32) plots.Field {
	f := plots.Field{Title: title, X: "x1", Y: "x2"}
	for _, v := range vectors {
		f.Arrows = append(f.Arrows, plots.Arrow{At: plots.Point{X: float64(v.X), Y: float64(v.Y)}, By: plots.Point{X: float64(v.DX), Y: float64(v.DY)}})
	}
	for i := 0; i < len(points); i += 2 {
		f.Points = append(f.Points, plots.Point{X: float64(points[i]), Y: float64(points[i+1])})
	}
	return f
}

func writeField(out io.Writer, vectors []tasks.FieldVector) error {
	w := bufio.NewWriter(out)
	fmt.Fprintln(w, "x,y,dx,dy")
	for _, v := range vectors {
		fmt.Fprintf(w, "%g,%g,%g,%g\n", v.X, v.Y, v.DX, v.DY)
	}
	return w.Flush() // the first error of all
}
