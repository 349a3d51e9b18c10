package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"hourglass/data"
	"hourglass/models/train"
)

func planCommand() *cobra.Command {
	var s settings
	var from sources
	c := &cobra.Command{
		Use:   "plan [RUN]",
		Short: "Print the compiled program of a training step",
		Long: "Print the program that a training step compiles to: each launch, its result's\n" +
			"shape and place in memory, and what it reads. It takes the flags of train, or the\n" +
			"folder of a run and those that differ. No data are read.",
		Example: "  hourglass plan --model dense --batch 32",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("plan wants one run or none, got %d arguments", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			asked, err := readGiven(cmd.Flags(), from)
			if err != nil {
				return err
			}
			var s settings
			if len(args) == 0 {
				s, err = asked.resolve()
			} else if s, err = openRun(args[0]); err == nil {
				if err = asked.onto(&s); err == nil {
					err = s.check()
				}
			}
			if err != nil {
				return err
			}
			plan, err := planOf(s)
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), plan)
			return err
		},
	}
	s.addFlags(c.Flags())
	from.addFlags(c.Flags())
	return c
}

// planOf compiles the training step of settings for one batch of blank images.
func planOf(s settings) (string, error) {
	m, err := s.model()
	if err != nil {
		return "", err
	}
	if err := checkSize(m); err != nil {
		return "", err
	}
	device, err := s.open()
	if err != nil {
		return "", err
	}
	defer device.Close()
	n, image := s.Train.Batch, m.Config().Image
	if bytes, memory := float64(n)*float64(image[0])*float64(image[1])*float64(image[2]), data.MachineMemory(); memory > 0 && bytes > float64(memory)/4 {
		return "", usagef("--batch is %d, and its images take %.1f GiB; this machine has %.1f GiB: want a smaller one", n, bytes/(1<<30), float64(memory)/(1<<30))
	}
	blank := &data.Dataset{Name: "blank", N: n, H: image[0], W: image[1], C: image[2], Pixels: make([]byte, n*image[0]*image[1]*image[2])}
	s.Train.Patience = 0                // wants validation images, and is no part of a step
	s.Train.Schedule = train.Schedule{} // nor are the rates
	t, err := train.New(m, device, blank, nil, s.Train)
	if err != nil {
		return "", err
	}
	return t.Plan()
}
