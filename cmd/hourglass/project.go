package main

import (
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/spf13/cobra"

	"hourglass/data"
	"hourglass/data/disk"
	"hourglass/models/plots"
	"hourglass/models/tasks"
)

// projectLimit is how many samples a map shows unless told: more hide each other,
// and trustworthiness takes the square of their number.
const projectLimit = 2000

// projected is what project tells of a map.
type projected struct {
	Trustworthiness float64  `json:"trustworthiness"`
	KNN             *float64 `json:"knn_accuracy,omitempty"`
}

func projectCommand() *cobra.Command {
	var a applied
	var o tasks.ProjectOptions
	var out, table string
	c := &cobra.Command{
		Use:   "project RUN",
		Short: "Map samples to the plane by their codes",
		Long: "Draw a map of samples by their codes, coloured by label, beside one of their own two\n" +
			"principal components. A code of two units is a place as it is, of a larger one its\n" +
			"principal components are. Trustworthiness tells how far neighbours on a map are\n" +
			"neighbours as samples, kNN accuracy how often most neighbours share a label.\n" +
			"All samples are held in memory, and the time grows with the square of their number.",
		Example: "  hourglass project runs/two --data mnist:DIR --out map.png --table map.csv",
		Args:    exactArgs(1, "the folder of a run"),
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
			if o.Neighbours < 1 {
				return usagef("--neighbours is %d, want 1 or more", o.Neighbours)
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
			if err := a.reading.holds("project", "--limit", src); err != nil {
				return err
			}
			codes, components, err := tasks.Project(ctx, a.runner, src, o)
			if err != nil {
				return err
			}
			if err := plots.WriteFile(out, mapOf(src.Info(), codes, components)); err != nil {
				return err
			}
			if table != "" {
				err := disk.WriteFile(table, func(w io.Writer) error { return writeMap(w, src.Info(), codes, components) })
				if err != nil {
					return err
				}
			}
			return a.tellProjection(args[0], src.Info(), codes, components, out)
		},
	}
	c.Flags().StringVar(&out, "out", "", "where to"+figureUsage)
	c.Flags().StringVar(&table, "table", "", "write the places too: x.csv")
	c.Flags().IntVar(&o.Neighbours, "neighbours", 10, "of trustworthiness and of kNN accuracy")
	a.addDataFlags(c.Flags(), fmt.Sprintf("the first N samples alone (default %d)", projectLimit))
	a.addJSONFlag(c.Flags())
	a.addDeviceFlags(c.Flags())
	return c
}

// mapOf draws both maps side by side.
func mapOf(info data.Info, codes, components tasks.Projection) plots.Map {
	m := plots.Map{Labels: info.Labels, Classes: info.Classes}
	for _, p := range []struct {
		name string
		tasks.Projection
	}{{"Codes", codes}, {"PCA", components}} {
		title := fmt.Sprintf("%s: trustworthiness %.3f", p.name, p.Trustworthiness)
		if info.Labels != nil {
			title += fmt.Sprintf(", kNN accuracy %.3f", p.KNN)
		}
		panel := plots.Panel{Title: title, X: p.X, Y: p.Y}
		for i := 0; i < len(p.Points); i += 2 {
			panel.Points = append(panel.Points, plots.Point{X: float64(p.Points[i]), Y: float64(p.Points[i+1])})
		}
		m.Panels = append(m.Panels, panel)
	}
	return m
}

// writeMap writes the places of each sample on both maps.
func writeMap(w io.Writer, info data.Info, codes, components tasks.Projection) error {
	header := "index,code_x,code_y,pca_x,pca_y"
	if info.Labels != nil {
		header += ",label"
	}
	if _, err := fmt.Fprintln(w, header); err != nil {
		return err
	}
	for i := range info.N {
		line := strconv.AppendInt(nil, int64(i), 10)
		for _, v := range []float32{codes.Points[2*i], codes.Points[2*i+1], components.Points[2*i], components.Points[2*i+1]} {
			line = strconv.AppendFloat(append(line, ','), float64(v), 'g', -1, 32)
		}
		if info.Labels != nil {
			line = strconv.AppendUint(append(line, ','), uint64(info.Labels[i]), 10)
		}
		if _, err := w.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return nil
}

func (a *applied) tellProjection(run string, info data.Info, codes, components tasks.Projection, out string) error {
	told := map[string]projected{}
	for name, p := range map[string]tasks.Projection{"codes": codes, "pca": components} {
		one := projected{Trustworthiness: p.Trustworthiness}
		if info.Labels != nil {
			one.KNN = &p.KNN
		}
		told[name] = one
	}
	if a.JSON {
		return writeJSON(a.out, struct {
			Run   string    `json:"run"`
			Data  string    `json:"data"`
			Count int       `json:"count"`
			Out   string    `json:"out"`
			Codes projected `json:"codes"`
			PCA   projected `json:"pca"`
		}{run, info.Name, info.N, out, told["codes"], told["pca"]})
	}
	fmt.Fprintf(a.out, "map of %d samples of %s in %s\n", info.N, info.Name, out)
	knn := func(p *float64) string {
		if p == nil || math.IsNaN(*p) {
			return ""
		}
		return fmt.Sprintf(", kNN accuracy %.4f", *p)
	}
	for _, name := range []string{"codes", "pca"} {
		if _, err := fmt.Fprintf(a.out, "%-6s trustworthiness %.4f%s\n", name, told[name].Trustworthiness, knn(told[name].KNN)); err != nil {
			return err
		}
	}
	return nil
}
