package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"hourglass/data"
	"hourglass/models/tasks"
)

func denoiseCommand() *cobra.Command {
	var a applied
	var out, corrupt, clean string
	var seed uint64
	takes := []form{asPNG, asFolder, asArray, asTable, asWAV, asStream}
	c := &cobra.Command{
		Use:   "denoise RUN",
		Short: "Take the noise off images",
		Long: "Take the noise off images by the best weights of a run, one that was trained to:\n" +
			"hourglass train --denoise gaussian:0.3. The images of --data are noisy already, and\n" +
			"--clean names what they should be where that is known; or --corrupt makes noisy ones\n" +
			"of clean ones. Without either, images of the run's data are corrupted as in training.\n" +
			"PSNR and SSIM of noisy and denoised images are told where clean ones are known.\n" +
			"x.png shows clean, noisy and denoised images; the other forms hold denoised ones,\n" +
			"x.wav those of one WAV file as one sound.",
		Example: "  hourglass denoise runs/denoising --corrupt gaussian:0.4 --out denoised.png\n" +
			"  hourglass denoise runs/denoising --data scans/ --out restored\n" +
			"  hourglass denoise runs/sound --data noisy.wav --out clean.wav",
		Args: exactArgs(1, "the folder of a run"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := a.output(cmd.OutOrStdout(), out, takes...)
			if err != nil {
				return err
			}
			if corrupt != "" && clean != "" {
				return usagef("--corrupt and --clean: the one makes noisy images of clean ones, the other names clean ones of noisy ones; leave one out")
			}
			if clean == "-" && a.Data == "-" {
				return usagef("--data - and --clean -: standard input holds one of them; give the other as a file")
			}
			ctx, end, err := a.begin(cmd, args[0])
			if err != nil {
				return err
			}
			defer end()
			// Of a stacked model's list the first is the images'.
			own, _, _ := strings.Cut(a.runner.Config().Denoise, ",")
			if own == "" && (corrupt != "" || a.Data != "") {
				a.note("%s was not trained to undo noise; hourglass train --denoise gaussian:0.3 trains a model that is", args[0])
			}
			if corrupt == "" && a.Data == "" {
				if corrupt = own; corrupt == "" {
					return usagef("%s was not trained to undo noise: say by --corrupt what to do to the images, or by --data which are noisy, or train a model with --denoise", args[0])
				}
			}
			if o.form == asPNG && a.Limit == 0 {
				a.Limit = restoredImages
			}
			a.overlap = o.form == asWAV
			src, err := a.source()
			if err != nil {
				return err
			}
			noise, err := a.noise(src, corrupt, clean, seed)
			if err != nil {
				return err
			}
			info := src.Info()
			r := restoration{clean: "clean", given: "noisy", made: "denoised", as: a.samplesOf(info, info.N)}
			err = r.write(&a, o, func(use func(tasks.Restored) error) error {
				return tasks.Denoise(ctx, a.runner, src, noise, use)
			})
			if err != nil {
				return err
			}
			return r.tell(&a, o, args[0], info.Name)
		},
	}
	c.Flags().StringVar(&out, "out", "", outUsage(takes...))
	c.Flags().StringVar(&corrupt, "corrupt", "", "make images noisy first, as train's --denoise: gaussian:SIGMA, saltpepper:FRACTION, mask:FRACTION, …")
	c.Flags().StringVar(&clean, "clean", "", "what the images of --data should be, as many")
	c.Flags().Uint64Var(&seed, "seed", 0, "of --corrupt")
	a.addDataFlags(c.Flags(), "the first N images alone (default all, of a picture 20)")
	a.addRawFlag(c.Flags())
	a.addJSONFlag(c.Flags())
	a.addDeviceFlags(c.Flags())
	return c
}

// noise tells where noisy images come from, beside those of a source.
func (a *applied) noise(all data.Source, corrupt, clean string, seed uint64) (tasks.Noise, error) {
	var n tasks.Noise
	var err error
	if corrupt != "" {
		if n.Corrupt, err = tasks.NewCorruption(a.runner, corrupt, seed); err != nil {
			return n, usagef("--corrupt: %w", err)
		}
	}
	if clean == "" {
		return n, nil
	}
	// All of both are counted: of fewer, each should have its own beside it.
	other := *a
	other.Limit = 0
	if a.Limit > 0 {
		if all, err = other.source(); err != nil {
			return n, err
		}
	}
	other.Data = clean
	n.Clean, err = other.source()
	a.temporary = other.temporary
	if err != nil {
		return n, fmt.Errorf("--clean: %w", err)
	}
	if got, want := n.Clean.Info(), all.Info(); got.N != want.N {
		return n, fmt.Errorf("--clean: %d samples of %s for the %d of %s, want as many", got.N, got.Name, want.N, want.Name)
	}
	if a.Limit > 0 {
		n.Clean, err = data.Limit(n.Clean, a.Limit)
	}
	return n, err
}
