package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"hourglass/data"
	"hourglass/models/export"
	"hourglass/models/metrics"
	"hourglass/models/plots"
	"hourglass/models/tasks"
)

// draw draws the figures that were asked for.
func (s *scoring) draw(positive []bool, told scored) error {
	title := fmt.Sprintf("%s on %s", s.settings.Model.Name, told.Data)
	if s.histogram != "" {
		h := plots.Histogram{Title: title, X: scoreUnit(s.d.Score), Threshold: s.d.Threshold, Mark: true}
		groups := map[bool]*plots.Group{false: {Name: "normal"}, true: {Name: "anomalous"}}
		if positive == nil {
			groups[false].Name = "samples"
		}
		for i, v := range s.scores {
			g := groups[positive != nil && positive[i]]
			g.Values = append(g.Values, v)
		}
		for _, k := range []bool{false, true} {
			if len(groups[k].Values) > 0 {
				h.Groups = append(h.Groups, *groups[k])
			}
		}
		if err := plots.WriteFile(s.histogram, h); err != nil {
			return err
		}
	}
	if s.roc != "" {
		curve, err := metrics.ROC(s.scores, positive)
		if err != nil {
			return err
		}
		if err := plots.WriteFile(s.roc, plots.ROC(title, curve, *told.AUROC)); err != nil {
			return err
		}
	}
	if s.pr == "" {
		return nil
	}
	curve, err := metrics.PrecisionRecall(s.scores, positive)
	if err != nil {
		return err
	}
	anomalous := 0
	for _, p := range positive {
		if p {
			anomalous++
		}
	}
	return plots.WriteFile(s.pr, plots.PrecisionRecall(title, curve, *told.AUPRC, float64(anomalous)/float64(len(positive))))
}

// scoreUnit names the axis of a score.
func scoreUnit(score string) string {
	switch score {
	case tasks.ScoreELBO:
		return "score: −ELBO (nats)"
	case tasks.ScoreMahalanobis:
		return "score: squared Mahalanobis distance of the code"
	}
	return "score: mean squared error of the reconstruction"
}

// drawHeat writes heat-maps: of the highest scores as a picture, or all.
func (s *scoring) drawHeat(ctx context.Context, o output) error {
	shape := s.runner.Shape()
	places := shape[0] * shape[1]
	if o.form == asPNG {
		return s.drawHottest(ctx, o.path)
	}
	src := s.src
	as := array{n: src.Info().N, shape: []int{shape[0], shape[1]}}
	each := func(use func(maps []float32) error) error {
		return tasks.Reconstruct(ctx, s.runner, src, func(_ int, x, copies []float32) error {
			maps := make([]float32, 0, len(x)/shape[2])
			for at := 0; at < len(x); at += shape.Size() {
				maps = append(maps, tasks.HeatMap(x[at:at+shape.Size()], copies[at:at+shape.Size()], shape[2])...)
			}
			return use(maps)
		})
	}
	if o.form == asArray {
		return s.writeSamples(o, as, "heat-maps", each)
	}
	// Pictures compare only on one scale, which is that of the hottest place of all.
	highest := float32(0)
	if err := each(func(maps []float32) error { highest = max(highest, slices.Max(maps)); return nil }); err != nil {
		return err
	}
	as.shape = []int{shape[0], shape[1], 3}
	return s.writeSamples(o, as, "heat-maps", func(add func([]float32) error) error {
		return each(func(maps []float32) error {
			var pixels []float32
			for ; len(maps) > 0; maps = maps[places:] {
				pixels = append(pixels, heatOf(maps[:places], shape[0], shape[1], highest).Pix...)
			}
			return add(pixels)
		})
	})
}

// drawHottest draws the samples of the highest scores, what the model makes of
// them, and where they differ.
func (s *scoring) drawHottest(ctx context.Context, path string) error {
	order := make([]int32, len(s.scores))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(s.scores[b], s.scores[a]) })
	src, err := data.Subset(s.src, order[:min(s.top, len(order))])
	if err != nil {
		return err
	}
	shape := s.runner.Shape()
	var x, copies []float32
	err = tasks.Reconstruct(ctx, s.runner, src, func(_ int, a, b []float32) error {
		x, copies = append(x, a...), append(copies, b...)
		return nil
	})
	if err != nil {
		return err
	}
	var maps []float32
	for at := 0; at < len(x); at += shape.Size() {
		maps = append(maps, tasks.HeatMap(x[at:at+shape.Size()], copies[at:at+shape.Size()], shape[2])...)
	}
	highest := slices.Max(maps)
	samples, made := picturesOf(x, shape), picturesOf(copies, shape)
	var heat []export.Image
	if isSeries(shape) {
		for i := range maps { // curves are drawn from 0 to 1
			maps[i] /= max(highest, math.SmallestNonzeroFloat32)
		}
		heat = picturesOf(maps, []int{1, shape[1], 1})
	} else {
		for places := shape[0] * shape[1]; len(maps) > 0; maps = maps[places:] {
			heat = append(heat, heatOf(maps[:places], shape[0], shape[1], highest))
		}
	}
	const line = 8
	var rows []export.Row
	for from := 0; from < len(samples); from += line {
		to := min(from+line, len(samples))
		if from > 0 {
			rows = append(rows, export.Row{})
		}
		rows = append(rows, export.Row{Label: "sample", Images: samples[from:to]}, export.Row{Label: "reconstruction", Images: made[from:to]},
			export.Row{Label: fmt.Sprintf("squared error, 0 to %.3g", highest), Images: heat[from:to]})
	}
	return writeGrid(path, rows)
}
