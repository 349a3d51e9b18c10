package graph

import (
	"testing"

	"hourglass/kernels"
)

// TestDescribe: a plan tells options that stand for others by what they stand for.
func TestDescribe(t *testing.T) {
	window := [2]int{3, 2}
	for want, s := range map[string]kernels.Spec{
		"conv2d{Stride:[1 1] Pad:same} +bias relu":                                 kernels.Conv2D{Pad: kernels.Same, Epilogue: kernels.Epilogue{Bias: true, Fn: kernels.ReLU}},
		"conv2d{Stride:[2 1] Pad:same}":                                            kernels.Conv2D{Stride: [2]int{2, 0}, Pad: kernels.Same},
		"conv2dinputgrad{Stride:[1 1] Pad:same H:4 W:5}":                           kernels.Conv2DInputGrad{Pad: kernels.Same, H: 4, W: 5},
		"conv2dfiltergrad{Stride:[1 3] Pad:same KH:3 KW:3}":                        kernels.Conv2DFilterGrad{Stride: [2]int{1, 3}, Pad: kernels.Same, KH: 3, KW: 3},
		"maxpool2d{Kernel:[3 2] Stride:[3 2] Pad:same}":                            kernels.MaxPool2D{Kernel: window, Pad: kernels.Same},
		"maxpool2dgrad{Kernel:[3 2] Stride:[1 2] Pad:same}":                        kernels.MaxPool2DGrad{Kernel: window, Stride: [2]int{1, 0}, Pad: kernels.Same},
		"maxpool2dselect{Kernel:[3 2] Stride:[3 2] Pad:same}":                      kernels.MaxPool2DSelect{Kernel: window, Pad: kernels.Same},
		"avgpool2d{Kernel:[3 2] Stride:[3 2] Pad:same CountPad:true}":              kernels.AvgPool2D{Kernel: window, Pad: kernels.Same, CountPad: true},
		"avgpool2dgrad{Kernel:[3 2] Stride:[3 2] Pad:same CountPad:false H:6 W:4}": kernels.AvgPool2DGrad{Kernel: window, Pad: kernels.Same, H: 6, W: 4},
	} {
		if got := describe(s); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
