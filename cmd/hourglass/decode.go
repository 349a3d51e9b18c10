package main

import (
	"github.com/spf13/cobra"

	"hourglass/data"
	"hourglass/models/tasks"
)

func decodeCommand() *cobra.Command {
	var a applied
	var out, codes string
	takes := []form{asArray, asTable, asPNG, asFolder, asWAV, asStream}
	c := &cobra.Command{
		Use:   "decode RUN",
		Short: "Turn codes into images",
		Long: "Turn codes into images by the best weights of a run. --out decides the form: x.npy\n" +
			"for an array float32 [N H W C], - for the same on standard output, x.csv for a line\n" +
			"of numbers each, x.png for one picture of all, a name without an ending for a\n" +
			"folder of one PNG each.",
		Example: "  hourglass decode runs/mnist --codes codes.npy --out images.png\n" +
			"  hourglass encode runs/mnist --data x.npy --out - | hourglass decode runs/mnist --codes - --out y.npy",
		Args: exactArgs(1, "the folder of a run"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := a.output(cmd.OutOrStdout(), out, takes...)
			if err != nil {
				return err
			}
			if codes == "" {
				return usagef("--codes is missing: want x.npy, x.npz, x.csv, or - for an NPY on standard input")
			}
			ctx, end, err := a.begin(cmd, args[0])
			if err != nil {
				return err
			}
			defer end()
			src, err := a.codes(codes)
			if err != nil {
				return err
			}
			if o.form == asPNG && a.Limit == 0 {
				a.Limit = gridImages
			}
			if a.Limit > 0 {
				if src, err = data.Limit(src, a.Limit); err != nil {
					return err
				}
			}
			images, err := a.samples(o, src.Info().N)
			if err != nil {
				return err
			}
			err = a.writeSamples(o, images, "images", func(add func([]float32) error) error {
				return tasks.Decode(ctx, a.runner, src, func(_ int, x []float32) error { return add(x) })
			})
			if err != nil {
				return err
			}
			if codes == "-" {
				codes = standardInput
			}
			return a.tell(o, summary{args[0], codes, images.n, images.shape, out}, "%d images of the codes of %s in %s", images.n, codes, out)
		},
	}
	c.Flags().StringVar(&codes, "codes", "", codesUsage)
	c.Flags().StringVar(&out, "out", "", outUsage(takes...))
	c.Flags().IntVar(&a.Limit, "limit", 0, "the first N codes alone (default all, of a picture 64)")
	a.addRawFlag(c.Flags())
	a.addJSONFlag(c.Flags())
	a.addDeviceFlags(c.Flags())
	return c
}
