package main

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"hourglass/models"
)

// writeCard writes the README.md of an export: what the model is, what it was
// trained on and how well, and how other programs load it.
func (x exported) writeCard(w io.Writer, formats []string) error {
	c := x.model.Config()
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s, z = %d\n\nAn autoencoder: %s. Trained with Hourglass.\n\n", c.Name, c.Latent, models.About(c.Name))
	total := 0
	for _, a := range x.weights {
		total += len(a.Data)
	}
	image := c.Image
	rows := [][2]string{
		{"input", fmt.Sprintf("float32, height %d, width %d, %d channel(s), values in [0, 1]", image[0], image[1], image[2])},
		{"weights", fmt.Sprint(total)},
		{"trained on", "`" + x.settings.Data + "`"},
	}
	if c.Denoise != "" {
		rows = append(rows, [2]string{"learned to undo", "`" + c.Denoise + "`"})
	}
	if c.KeepGiven {
		rows = append(rows, [2]string{"missing pixels alone", "are the reconstruction's: keep those of the input that are given"})
	}
	if c.Colorize {
		rows = append(rows, [2]string{"learned", "colours: the encoder sees the luma of its input alone"})
	}
	rows = append(rows, x.units()...)
	for _, row := range append(rows, x.losses()...) {
		fmt.Fprintf(&b, "- %s: %s\n", row[0], row[1])
	}
	fmt.Fprintf(&b, "\nFor all metrics on the test data: `hourglass eval %s`.\n", x.folder)
	if slices.Contains(formats, "safetensors") {
		fmt.Fprintf(&b, cardTorch, image[2], image[0], image[1])
	}
	if slices.Contains(formats, "onnx") {
		fmt.Fprintf(&b, cardONNX, image[2], image[0], image[1])
		if c.Classes > 0 {
			fmt.Fprintf(&b, "\n`classifier.onnx` takes `image` to `probabilities` [N, %d].\n", c.Classes)
		}
	}
	if slices.Contains(formats, "npz") {
		b.WriteString(cardNumPy)
	}
	b.WriteString(cardImport(formats))
	b.WriteString("\n## Settings\n\n```toml\n")
	if err := writeSettings(&b, x.settings); err != nil {
		return err
	}
	b.WriteString("```\n")
	_, err := w.Write(b.Bytes())
	return err
}

// units returns what the data tells of the model's numbers.
func (x exported) units() [][2]string {
	var rows [][2]string
	c := x.model.Config()
	switch {
	case x.dataless != nil:
		return [][2]string{{"units and classes", "not known, as the data could not be opened when this was written"}}
	case x.data.Low != nil && len(x.data.Low) <= maxListed:
		rows = append(rows, [2]string{"unit", fmt.Sprintf("0 stands for %s, 1 for %s (of each channel)", listOf(x.data.Low), listOf(x.data.High))})
	case x.data.Low != nil:
		rows = append(rows, [2]string{"unit", "0 stands for `hourglass.low`, 1 for `hourglass.high` of each channel in the files' metadata"})
	}
	if c.Classes > 0 && x.data.Classes != nil {
		rows = append(rows, [2]string{"classes", strings.Join(x.data.Classes, ", ")})
	}
	return rows
}

// maxListed bounds the channels that a card lists.
const maxListed = 16

// losses returns what the run's files tell of the weights.
func (x exported) losses() [][2]string {
	if x.epoch.Epoch == 0 {
		return [][2]string{{"weights of", "another program, by `hourglass import`"}}
	}
	rows := [][2]string{
		{"weights of", fmt.Sprintf("epoch %d of %d, after %d steps", x.epoch.Epoch, x.settings.Train.Epochs, x.epoch.Step)},
		{"training loss", fmt.Sprintf("%.6g", x.epoch.TrainLoss)},
	}
	if x.epoch.ValLoss != nil {
		rows = append(rows, [2]string{"validation loss", fmt.Sprintf("%.6g (%s)", *x.epoch.ValLoss, lossUnit(x.model.Config()))})
	}
	if x.epoch.ValError != nil {
		rows = append(rows, [2]string{"validation error", fmt.Sprintf("%.2f%% of the images", 100**x.epoch.ValError)})
	}
	return rows
}

// How to load each format.
const (
	cardTorch = `
## PyTorch

` + "`model.safetensors` holds the `state_dict` of the module in `model.py`." + `

` + "```python" + `
import model                                # pip install torch safetensors
net = model.load("model.safetensors")       # strict, in evaluation mode
code = net.encode(images)                   # images float32 [N, %d, %d, %d]
images = net.decode(code)
` + "```" + `
`
	cardONNX = `
## ONNX

Opset 17; N is free. ` + "`encoder.onnx` takes `image` to `code`, `decoder.onnx` `code` to `reconstruction`, and\n`model.onnx` `image` to `reconstruction`." + `

` + "```python" + `
import onnxruntime                          # pip install onnxruntime
net = onnxruntime.InferenceSession("model.onnx")
[images] = net.run(None, {"image": images}) # images float32 [N, %d, %d, %d]
` + "```" + `
`
	cardNumPy = `
## NumPy

` + "`model.npz` holds the weights under the names and in the layouts of PyTorch:\nfilters OIHW, dense layers [out, in]." + `

` + "```python" + `
import numpy
weights = numpy.load("model.npz")           # weights["encoder.0.weight"], …
` + "```" + `
`
)

// cardImport tells how to bring the weights back.
func cardImport(formats []string) string {
	file := safetensorsName
	switch {
	case slices.Contains(formats, "safetensors"):
	case slices.Contains(formats, "npz"):
		file = npzName
	default:
		return ""
	}
	return strings.Join([]string{"", "## Hourglass", "", "With the settings below in a file `model.toml`:", "",
		"```", "hourglass import --model model.toml --weights " + file + " --out runs/imported", "```", ""}, "\n")
}
