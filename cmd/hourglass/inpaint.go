package main

import (
	"fmt"
	"image"
	_ "image/png" // masks are PNGs
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"hourglass/kernels"
	"hourglass/models/tasks"
)

func inpaintCommand() *cobra.Command {
	var a applied
	var out, mask string
	var seed uint64
	takes := []form{asPNG, asFolder, asArray, asTable, asStream}
	c := &cobra.Command{
		Use:   "inpaint RUN",
		Short: "Fill in missing parts of images",
		Long: "Fill in missing parts of images by the best weights of a run, one that was trained\n" +
			"to: hourglass train --model inpainting. --mask takes parts away first, at a place\n" +
			"drawn for each image (square:8, half, pixels:0.5) or fixed (half:left), or is a PNG\n" +
			"of the images' size, white where pixels are missing. Without it the run's own is\n" +
			"taken. Pixels that are not missing stay as they are. PSNR and SSIM are told of the\n" +
			"images with the parts taken away and filled in. x.png shows clean, masked and\n" +
			"filled images; the other forms hold filled ones.",
		Example: "  hourglass inpaint runs/inpainting --mask half:left --out filled.png\n" +
			"  hourglass inpaint runs/inpainting --data photos/ --mask scratch.png --out filled",
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
			m, err := a.mask(args[0], mask, seed)
			if err != nil {
				return err
			}
			if o.form == asPNG && a.Limit == 0 {
				a.Limit = restoredImages
			}
			src, err := a.source()
			if err != nil {
				return err
			}
			info := src.Info()
			r := restoration{clean: "clean", given: "masked", made: "filled", as: a.samplesOf(info, info.N)}
			err = r.write(&a, o, func(use func(tasks.Restored) error) error {
				return tasks.Inpaint(ctx, a.runner, src, m, use)
			})
			if err != nil {
				return err
			}
			return r.tell(&a, o, args[0], info.Name)
		},
	}
	c.Flags().StringVar(&out, "out", "", outUsage(takes...))
	c.Flags().StringVar(&mask, "mask", "", "square:SIDE, half or half:left, right, top or bottom, pixels:FRACTION, or a PNG (default that of the run)")
	c.Flags().Uint64Var(&seed, "seed", 0, "of masks that are drawn")
	a.addDataFlags(c.Flags(), "the first N images alone (default all, of a picture 20)")
	a.addRawFlag(c.Flags())
	a.addJSONFlag(c.Flags())
	a.addDeviceFlags(c.Flags())
	return c
}

// mask reads --mask.
func (a *applied) mask(run, text string, seed uint64) (tasks.Mask, error) {
	if a.runner.Config().Denoise == "" && text != "" {
		a.note("%s was not trained to fill in what is missing; hourglass train --model inpainting trains a model that is", run)
	}
	if strings.EqualFold(filepath.Ext(text), ".png") {
		missing, err := readMask(text, a.runner.Shape())
		return tasks.Mask{Missing: missing}, err
	}
	own, _, _ := strings.Cut(a.runner.Config().Denoise, ",") // of a stacked model's list the image's
	asked := text
	if text == "" {
		asked = own
	}
	if asked == "" {
		return tasks.Mask{}, usagef("%s was not trained to fill in anything: say by --mask what is missing, or train a model with --denoise square:8", run)
	}
	k, err := tasks.NewCorruption(a.runner, asked, seed)
	switch {
	case err != nil:
		return tasks.Mask{}, usagef("--mask: %w", err)
	case !k.Masks() && text == "":
		return tasks.Mask{}, usagef("%s was trained to undo %s, which takes nothing away: say by --mask what is missing, as square:8", run, own)
	case !k.Masks():
		return tasks.Mask{}, usagef("--mask %s takes nothing away; want square:SIDE, half, pixels:FRACTION, mask:FRACTION or a PNG", text)
	}
	return tasks.Mask{Corrupt: k}, nil
}

// readMask returns 1 where a picture is bright, [H W].
func readMask(path string, shape kernels.Shape) ([]float32, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	// The size comes first: a small file may claim a large picture.
	size, _, err := image.DecodeConfig(f)
	if err != nil {
		return nil, fmt.Errorf("--mask %s: %w", path, err)
	}
	if size.Height != shape[0] || size.Width != shape[1] {
		return nil, fmt.Errorf("--mask %s: a picture of %d×%d pixels, want %d×%d as the images are", path, size.Height, size.Width, shape[0], shape[1])
	}
	if _, err := f.Seek(0, 0); err != nil {
		return nil, err
	}
	im, _, err := image.Decode(f)
	if err != nil {
		return nil, fmt.Errorf("--mask %s: %w", path, err)
	}
	missing := make([]float32, shape[0]*shape[1])
	for y := range shape[0] {
		for x := range shape[1] {
			r, g, b, _ := im.At(im.Bounds().Min.X+x, im.Bounds().Min.Y+y).RGBA()
			if (r+g+b)/3 >= 0x8000 {
				missing[y*shape[1]+x] = 1
			}
		}
	}
	return missing, nil
}
