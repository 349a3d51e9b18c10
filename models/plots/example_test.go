package plots_test

import (
	"fmt"
	"os"
	"path/filepath"

	"hourglass/models/plots"
)

// Anything that has a Figure goes to a file by its ending.
func ExampleWriteFile() {
	folder, err := os.MkdirTemp("", "hourglass")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)
	rates := plots.Lines{
		Title: "Rate and distortion", X: "rate (bits per pixel)", Y: "PSNR (dB)",
		Series: []plots.Series{{Name: "codes", Points: []plots.Point{{X: 0.06, Y: 16.6}, {X: 0.14, Y: 19.8}, {X: 0.22, Y: 20.1}}}},
	}
	fmt.Println(plots.WriteFile(filepath.Join(folder, "rates.png"), rates))
	fmt.Println(plots.WriteFile(filepath.Join(folder, "rates.svg"), rates))
	// Output:
	// <nil>
	// <nil>
}
