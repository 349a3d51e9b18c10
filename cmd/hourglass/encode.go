package main

import (
	"github.com/spf13/cobra"

	"hourglass/kernels"
	"hourglass/models/tasks"
)

func encodeCommand() *cobra.Command {
	var a applied
	var out string
	var labels bool
	takes := []form{asArray, asArrays, asTable, asStream}
	c := &cobra.Command{
		Use:   "encode RUN",
		Short: "Turn images into codes",
		Long: "Turn images into codes by the best weights of a run. --out decides the form: x.npy\n" +
			"for an array float32 [N z], - for the same on standard output, x.npz for an array\n" +
			"codes, x.csv for a line of numbers each under the names z0, z1, …; with --labels\n" +
			"x.npz has an array labels too, and x.csv a last column label.",
		Example: "  hourglass encode runs/mnist --out codes.npy\n" +
			"  hourglass encode runs/mnist --data mnist:DIR --split train --labels --out codes.csv\n" +
			"  hourglass encode runs/mnist --out - | hourglass decode runs/mnist --codes - --out x.png",
		Args: exactArgs(1, "the folder of a run"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := a.output(cmd.OutOrStdout(), out, takes...)
			if err != nil {
				return err
			}
			if labels && o.form != asArrays && o.form != asTable {
				return usagef("--labels with --out %s: an array of codes has no place for labels; write x.csv or x.npz", out)
			}
			ctx, end, err := a.begin(cmd, args[0])
			if err != nil {
				return err
			}
			defer end()
			src, err := a.source()
			if err != nil {
				return err
			}
			info := src.Info()
			codes := array{name: "codes", n: info.N, shape: kernels.Shape{a.runner.Latent()}, columns: "z"}
			if labels {
				if info.Labels == nil {
					return usagef("--labels: the samples of %s have none; leave it out", info.Name)
				}
				codes.labels = info.Labels
			}
			err = a.writeSamples(o, codes, "codes", func(add func([]float32) error) error {
				return tasks.Encode(ctx, a.runner, src, func(_ int, z []float32) error { return add(z) })
			})
			if err != nil {
				return err
			}
			return a.tell(o, summary{args[0], info.Name, info.N, codes.shape, out}, "%d codes of %d numbers of %s in %s", info.N, a.runner.Latent(), info.Name, out)
		},
	}
	c.Flags().StringVar(&out, "out", "", outUsage(takes...))
	c.Flags().BoolVar(&labels, "labels", false, "write the samples' labels too, to x.csv or x.npz")
	a.addDataFlags(c.Flags(), "the first N images alone")
	a.addJSONFlag(c.Flags())
	a.addDeviceFlags(c.Flags())
	return c
}
