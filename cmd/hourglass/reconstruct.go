package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"hourglass/models/export"
	"hourglass/models/train"
)

// gridImages is how many images a picture shows unless told.
const gridImages = 64

func reconstructCommand() *cobra.Command {
	var a applied
	var out string
	c := &cobra.Command{
		Use:   "reconstruct RUN",
		Short: "Send images through a trained model",
		Long: "Send images through the best weights of a run. --out decides the form: x.npy for\n" +
			"an array float32 [N H W C] of reconstructions in [0, 1], x.png for a picture of\n" +
			"originals over reconstructions, anything without an ending for a folder of one\n" +
			"PNG for each reconstruction.",
		Example: "  hourglass reconstruct runs/mnist --out reconstructions.png",
		Args:    exactArgs(1, "the folder of a run"),
		RunE: func(cmd *cobra.Command, args []string) error {
			form, err := formOf(out)
			if err != nil {
				return err
			}
			if err := a.open(args[0]); err != nil {
				return err
			}
			defer a.device.Close()
			if form == asPNG && a.Limit == 0 {
				a.Limit = gridImages
			}
			d, err := a.images()
			if err != nil {
				return err
			}
			d.Load()
			originals := train.Scale(d.Pixels)
			copies, err := a.runner.Reconstruct(originals)
			if err != nil {
				return err
			}
			shape := a.runner.Shape()
			if form == asPNG {
				var rows []export.Row
				if rows, err = export.Pairs(picturesOf(originals, shape), picturesOf(copies, shape), columnsOf(2*d.N)); err != nil {
					return err
				}
				err = writeGrid(out, rows)
			} else {
				err = writeImages(out, form, copies, shape)
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d reconstructions of %s in %s\n", d.N, d.Name, out)
			return nil
		},
	}
	c.Flags().StringVar(&out, "out", "", "where to: x.npy, x.png or a new folder")
	a.addDataFlags(c.Flags(), "the first N images alone (default all, of a picture 64)")
	a.addDeviceFlags(c.Flags())
	return c
}
