package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"hourglass/data"
	"hourglass/graph"
	"hourglass/models"
	"hourglass/models/export"
	"hourglass/models/onnx"
	"hourglass/models/torch"
	"hourglass/models/train"
)

// The files of an export.
const (
	cardName        = "README.md"
	safetensorsName = "model.safetensors"
	codeName        = "model.py"
	npzName         = "model.npz"
	wholeName       = "model.onnx"
	encoderName     = "encoder.onnx"
	decoderName     = "decoder.onnx"
	classifierName  = "classifier.onnx"
)

// exportFormats are the values of --format.
var exportFormats = []string{"safetensors", "onnx", "npz"}

func exportCommand() *cobra.Command {
	var format, out string
	var asJSON bool
	c := &cobra.Command{
		Use:   "export RUN",
		Short: "Write a trained model for PyTorch, ONNX Runtime or NumPy",
		Long: "Write the best weights of a run in the form of other programs, into a new folder\n" +
			"with a README.md that tells what they are of and how to load them:\n\n" +
			"  safetensors  the weights under the names and in the layouts of PyTorch, and a\n" +
			"               model.py that loads them strictly and gives the same numbers\n" +
			"  onnx         encoder.onnx, decoder.onnx and both in model.onnx (opset 17): images\n" +
			"               are float32 [N, C, H, W] in [0, 1], codes [N, z], of any number N\n" +
			"  npz          the weights as of safetensors, for numpy.load\n\n" +
			"Several formats go into one folder: --format safetensors,onnx. hourglass import\n" +
			"takes safetensors and npz back.",
		Example: "  hourglass export runs/mnist --format onnx --out exported",
		Args:    exactArgs(1, "the folder of a run"),
		RunE: func(cmd *cobra.Command, args []string) error {
			formats, err := parseFormats(format)
			if err != nil {
				return err
			}
			if out == "" {
				return usagef("--out is missing: want a new folder")
			}
			if err := checkEmpty(out); err != nil {
				return err
			}
			x := exported{folder: args[0]}
			if x.settings, err = openRun(args[0]); err != nil {
				return err
			}
			if x.model, x.weights, x.epoch, err = bestWeights(args[0], x.settings); err != nil {
				return err
			}
			x.describeData()
			files, err := x.write(out, formats)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), map[string]any{"out": out, "files": files})
			}
			for _, name := range files {
				fmt.Fprintln(cmd.OutOrStdout(), filepath.Join(out, name))
			}
			return nil
		},
	}
	c.Flags().StringVar(&format, "format", "", "safetensors, onnx or npz, or several, as safetensors,onnx")
	c.Flags().StringVar(&out, "out", "", "a new folder")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object: the folder and its files")
	return c
}

// parseFormats reads --format.
func parseFormats(text string) ([]string, error) {
	if text == "" {
		return nil, usagef("--format is missing: want %s", strings.Join(exportFormats, ", "))
	}
	var formats []string
	for f := range strings.SplitSeq(text, ",") {
		if !slices.Contains(exportFormats, f) {
			return nil, usagef("--format %q: want %s, or several with commas%s", f, strings.Join(exportFormats, ", "), didYouMean(f, exportFormats, ""))
		}
		formats = append(formats, f)
	}
	return formats, nil
}

// exported is a run that is written for other programs.
type exported struct {
	folder   string
	settings settings
	model    models.Model
	weights  []graph.Array
	epoch    train.Epoch
	data     data.Info // of what the run was trained on, as far as it matters
	dataless error     // why that is not known
}

// describeData asks the run's data for what its files are to tell: the unit of
// series and tables, and the names of classes. The data may be elsewhere by now,
// so that is no error.
func (x *exported) describeData() {
	c := x.model.Config()
	if c.Image[0] > 1 && c.Classes == 0 {
		return
	}
	src, err := x.settings.openData(data.Train, &warner{to: io.Discard})
	if err != nil {
		x.dataless = err
		return
	}
	x.data = src.Info()
}

// write makes the folder, whole or not at all, and returns the names of its
// files.
func (x exported) write(folder string, formats []string) ([]string, error) {
	files := map[string]func(io.Writer) error{}
	for _, f := range formats {
		var err error
		switch f {
		case "safetensors":
			err = x.addSafetensors(files)
		case "onnx":
			err = x.addONNX(files)
		case "npz":
			err = x.addNPZ(files)
		}
		if err != nil {
			return nil, err
		}
	}
	files[cardName] = func(w io.Writer) error { return x.writeCard(w, formats) }
	names := sortedKeys(files)
	return names, newFolder(folder, func(staging string) error {
		for _, name := range names {
			if err := createFile(filepath.Join(staging, name), files[name]); err != nil {
				return err
			}
		}
		return nil
	})
}

// metadata returns what files tell of themselves.
func (x exported) metadata() (map[string]string, error) {
	config, err := json.Marshal(x.model.Config())
	if err != nil {
		return nil, err
	}
	all := map[string]string{"hourglass.model": string(config), "hourglass.data": x.settings.Data, "hourglass.epoch": fmt.Sprint(x.epoch.Epoch)}
	if x.data.Low != nil {
		all["hourglass.low"], all["hourglass.high"] = listOf(x.data.Low), listOf(x.data.High)
	}
	if x.data.Classes != nil {
		all["hourglass.classes"] = strings.Join(x.data.Classes, ",")
	}
	return all, nil
}

// listOf writes numbers with commas between them.
func listOf(values []float32) string {
	var texts []string
	for _, v := range values {
		texts = append(texts, strconv.FormatFloat(float64(v), 'g', -1, 32))
	}
	return strings.Join(texts, ",")
}

// addSafetensors adds the files of PyTorch.
func (x exported) addSafetensors(files map[string]func(io.Writer) error) error {
	tensors, err := torch.StateDict(x.model, x.weights)
	if err != nil {
		return err
	}
	code, err := torch.Code(x.model)
	if err != nil {
		return err
	}
	metadata, err := x.metadata()
	if err != nil {
		return err
	}
	metadata["format"] = "pt" // what other tools call PyTorch's layouts
	files[safetensorsName] = func(w io.Writer) error { return export.WriteSafetensors(w, tensors, metadata) }
	files[codeName] = func(w io.Writer) error {
		_, err := io.WriteString(w, code)
		return err
	}
	return nil
}

// addNPZ adds the file of NumPy.
func (x exported) addNPZ(files map[string]func(io.Writer) error) error {
	tensors, err := torch.StateDict(x.model, x.weights)
	files[npzName] = func(w io.Writer) error { return export.WriteNPZ(w, tensors) }
	return err
}

// addONNX adds the files of ONNX.
func (x exported) addONNX(files map[string]func(io.Writer) error) error {
	decoder, err := onnx.Decoder(x.model)
	if err != nil {
		return err
	}
	functions := map[string]onnx.Function{wholeName: onnx.Whole(x.model), encoderName: onnx.Encoder(x.model), decoderName: decoder}
	if x.model.Config().Classes > 0 {
		functions[classifierName] = onnx.Classifier(x.model)
	}
	metadata, err := x.metadata()
	if err != nil {
		return err
	}
	for name, f := range functions {
		files[name] = func(w io.Writer) error { return onnx.Write(w, f, x.weights, metadata) }
	}
	return nil
}

// createFile writes a new file of a folder that is not there yet. It is not forced
// to the disk: an export can be made again.
func createFile(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<16)
	if err = write(w); err == nil {
		err = w.Flush()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	return err
}

// newFolder makes a folder of what fill puts into the one that it is given, or
// nothing at all: the folder takes its name once it is complete. An empty one may
// be there.
func newFolder(path string, fill func(staging string) error) error {
	path = filepath.Clean(path)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	staging, err := os.MkdirTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(staging) // nothing is left of it after the rename
	if err := fill(staging); err != nil {
		return err
	}
	if err := os.Chmod(staging, 0o755); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	return os.Rename(staging, path)
}
