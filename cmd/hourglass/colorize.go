package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"hourglass/models/tasks"
)

func colorizeCommand() *cobra.Command {
	var a applied
	var out string
	takes := []form{asPNG, asFolder, asArray, asStream}
	c := &cobra.Command{
		Use:   "colorize RUN",
		Short: "Give grey images colours",
		Long: "Give grey images colours by the best weights of a run that was trained to:\n" +
			"hourglass train --model colorization. Images of --data are grey, or coloured and\n" +
			"then shown to the model in grey; of those PSNR and SSIM are told, beside the grey\n" +
			"images'. Their brightness stays as it is; the model gives the colours. x.png shows\n" +
			"clean, grey and coloured images; the other forms hold coloured ones.",
		Example: "  hourglass colorize runs/colorization --out colours.png\n" +
			"  hourglass colorize runs/colorization --data grey.npy --out colours",
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
			if !a.runner.Config().Colorize {
				return usagef("%s is a %s that was not trained to colour images: hourglass train --model colorization trains one that is", args[0], a.settings.Model.Name)
			}
			if o.form == asPNG && a.Limit == 0 {
				a.Limit = restoredImages
			}
			src, err := a.anySource()
			if err != nil {
				return err
			}
			info, shape := src.Info(), a.runner.Shape()
			if info.H != shape[0] || info.W != shape[1] || info.C != 1 && info.C != 3 {
				return fmt.Errorf("the images of %s are [%d %d %d], the model takes [%d %d 3] and in grey [%d %d 1]", info.Name, info.H, info.W, info.C, shape[0], shape[1], shape[0], shape[1])
			}
			r := restoration{clean: "image", given: "grey", made: "coloured", as: array{name: "samples", n: info.N, shape: shape}}
			err = r.write(&a, o, func(use func(tasks.Restored) error) error {
				return tasks.Colorize(ctx, a.runner, src, use)
			})
			if err != nil {
				return err
			}
			return r.tell(&a, o, args[0], info.Name)
		},
	}
	c.Flags().StringVar(&out, "out", "", outUsage(takes...))
	a.addDataFlags(c.Flags(), "the first N images alone (default all, of a picture 20)")
	a.addJSONFlag(c.Flags())
	a.addDeviceFlags(c.Flags())
	return c
}
