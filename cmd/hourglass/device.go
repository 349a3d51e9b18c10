package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"hourglass/data"
	"hourglass/kernels"
	"hourglass/kernels/cpu"
	"hourglass/kernels/cuda"
)

// What --device and --precision are where nothing else was asked for.
const (
	autoDevice    = "auto" // a GPU where there is one, else the CPU
	autoPrecision = "auto" // what is usual on the device
)

// checkDevice returns a usage error unless the settings name a device that
// could be there, and a precision.
func (s settings) checkDevice() error {
	if _, _, err := cudaIndex(s.Device); err != nil {
		return err
	}
	if _, err := cuda.ParsePrecision(s.Precision); err != nil && s.Precision != autoPrecision {
		return usagef("precision %q: want f32, tf32 or bf16", s.Precision)
	}
	return nil
}

// cudaIndex returns which GPU a device's name stands for, and whether it can be
// a GPU at all.
func cudaIndex(name string) (index int, could bool, err error) {
	switch name {
	case "cpu":
		return 0, false, nil
	case autoDevice, "cuda":
		return 0, true, nil
	}
	if text, ok := strings.CutPrefix(name, "cuda:"); ok {
		if index, err = strconv.Atoi(text); err == nil && index >= 0 {
			return index, true, nil
		}
	}
	return 0, false, usagef("device %q: want auto, cpu, cuda or cuda:N, such as cuda:1 for the second GPU", name)
}

// open returns the device that the settings name.
func (s settings) open() (kernels.Device, error) {
	dev, _, err := s.openDevice()
	return dev, err
}

// openDevice returns the device that the settings name, and why it is not a GPU
// where it could have been.
func (s settings) openDevice() (dev kernels.Device, whyNot string, err error) {
	index, could, err := cudaIndex(s.Device)
	if err != nil {
		return nil, "", err
	}
	if could {
		dev, err := openCUDA(index, s.Precision)
		if err == nil {
			return dev, "", nil
		}
		if s.Device != autoDevice {
			return nil, "", fmt.Errorf("--device %s: %w; --device cpu does without", s.Device, err)
		}
		whyNot = err.Error()
	}
	dev, err = openCPU(s.Threads, s.Precision)
	return dev, whyNot, err
}

func openCUDA(index int, precision string) (kernels.Device, error) {
	p := cuda.TF32
	if precision != autoPrecision {
		var err error
		if p, err = cuda.ParsePrecision(precision); err != nil {
			return nil, usageError{err}
		}
	}
	dev, err := cuda.New(cuda.Options{Index: index, Precision: p})
	if err != nil {
		return nil, err
	}
	return dev, nil
}

// openCPU returns the processor. It computes what asks for tf32 in float32,
// which is no less exact.
func openCPU(threads int, precision string) (kernels.Device, error) {
	if _, err := cpu.Tier(); err != nil {
		return nil, usageError{err}
	}
	p := cpu.Float32
	if precision == cpu.BF16.String() {
		p = cpu.BF16
	}
	dev, err := cpu.New(cpu.Options{Threads: threads, Precision: p, Memory: data.MachineMemory()})
	if err != nil {
		return nil, err
	}
	return dev, nil
}

// usualPrecision returns the name of a device's precision.
func usualPrecision(dev kernels.Device) string {
	if d, ok := dev.(*cuda.Device); ok {
		return d.Precision().String()
	}
	return dev.(*cpu.Device).Precision().String()
}

// aboutDevice describes a device: "cpu with 8 threads", "cuda:0 (NVIDIA H200)
// in tf32".
func aboutDevice(dev kernels.Device) string {
	if d, ok := dev.(*cuda.Device); ok {
		return fmt.Sprintf("%s (%s) in %s", d.Name(), d.Info().Name, d.Precision())
	}
	return fmt.Sprintf("%s with %d threads", dev.Name(), dev.(*cpu.Device).Threads())
}

// noteDevice tells what of the device a user might not expect.
func noteDevice(w io.Writer, dev kernels.Device, whyNot, precision string) {
	if whyNot != "" {
		fmt.Fprintf(w, "note: training on the CPU, as there is no GPU to use: %s\n", whyNot)
	}
	d, onCPU := dev.(*cpu.Device)
	switch {
	case onCPU && precision == cuda.TF32.String():
		fmt.Fprintln(w, "note: the CPU has no tf32; its products are of f32")
	case onCPU:
		noteEmulated(w, d.Precision())
	}
}

// noteEmulated tells that bf16 is slower here.
func noteEmulated(w io.Writer, p cpu.Precision) {
	if p == cpu.BF16 && !cpu.HasBF16() {
		fmt.Fprintln(w, "note: bf16 is emulated, as there is no AVX512-BF16 in use here: the results are the same, but take longer than in f32")
	}
}
