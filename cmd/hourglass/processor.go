package main

import (
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/cpu"
)

// cpuFeatures lists the instruction sets that matter to numeric code and that
// processor and operating system both support.
func cpuFeatures() []string {
	x, arm := &cpu.X86, &cpu.ARM64
	features := []string{}
	for _, f := range []struct {
		name string
		has  bool
	}{
		{"sse4.1", x.HasSSE41}, {"sse4.2", x.HasSSE42}, {"avx", x.HasAVX}, {"fma", x.HasFMA}, {"avx2", x.HasAVX2},
		{"avx512f", x.HasAVX512F}, {"avx512bw", x.HasAVX512BW}, {"avx512dq", x.HasAVX512DQ}, {"avx512vl", x.HasAVX512VL},
		{"avx512vnni", x.HasAVX512VNNI}, {"avx512bf16", x.HasAVX512BF16},
		{"amx-tile", x.HasAMXTile}, {"amx-int8", x.HasAMXInt8}, {"amx-bf16", x.HasAMXBF16},
		{"asimd", arm.HasASIMD}, {"asimdhp", arm.HasASIMDHP}, {"asimddp", arm.HasASIMDDP}, {"sve", arm.HasSVE},
	} {
		if f.has {
			features = append(features, f.name)
		}
	}
	return features
}

// cpuModel returns the processor's name as the operating system knows it, or
// its architecture where none is told.
func cpuModel() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err == nil {
		for line := range strings.Lines(string(text)) {
			key, value, _ := strings.Cut(line, ":")
			if strings.TrimSpace(key) == "model name" {
				return strings.TrimSpace(value)
			}
		}
	}
	return runtime.GOARCH
}
