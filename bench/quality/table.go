package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"strconv"
	"strings"

	"hourglass/data/disk"
)

// result is what is known of a row once it is measured.
type result struct {
	Row     string            `json:"row"`
	Config  map[string]string `json:"config"` // model and train, each field as JSON: what the figures are of
	Data    string            `json:"data"`
	Images  int               `json:"images"` // that it was trained on
	Epochs  int               `json:"epochs"` // done; a long run may be measured before its end
	Of      int               `json:"of_epochs"`
	Best    int               `json:"best_epoch"` // whose weights were measured
	Seed    uint64            `json:"seed"`
	Seconds float64           `json:"train_seconds"`
	Figures []figure          `json:"figures"`
}

// figure is a number beside others.
type figure struct {
	Name   string   `json:"name"`
	Ours   float64  `json:"ours"`
	Beside []beside `json:"beside,omitempty"`
}

// beside is a figure of another's.
type beside struct {
	Who   string  `json:"who"`
	Value float64 `json:"value"`
}

// store is the measured rows, kept in a file after each.
type store struct {
	path string
	rows map[string]result
}

func openStore(path string) (*store, error) {
	s := &store{path: path, rows: map[string]result{}}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	var all []result
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, r := range all {
		s.rows[r.Row] = r
	}
	return s, nil
}

// save writes all rows in the table's order.
func (s *store) save(order []row) error {
	var all []result
	for _, r := range order {
		if done, ok := s.rows[r.name]; ok {
			all = append(all, done)
		}
	}
	return disk.WriteFile(s.path, func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", " ")
		return e.Encode(all)
	})
}

// write prints the table in Markdown.
func (s *store) write(w io.Writer, order []row) error {
	var b strings.Builder
	b.WriteString(tableHead)
	for _, r := range order {
		done, ok := s.rows[r.name]
		if !ok {
			continue
		}
		for i, f := range done.Figures {
			cells := make([]string, 8)
			if i == 0 {
				cells[0] = r.about
				cells[5], cells[6] = fmt.Sprintf("[%s](../models/configs/%s.toml)", r.name, r.name), strconv.FormatUint(done.Seed, 10)
				cells[7] = done.trained()
				cells[4] = r.source
			}
			cells[1], cells[2] = f.Name, digits(f.Ours)
			var others []string
			for _, o := range f.Beside {
				others = append(others, o.Who+" "+digits(o.Value))
			}
			cells[3] = strings.Join(others, ", ")
			fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
		}
	}
	b.WriteString(tableFoot)
	for _, p := range pictures {
		if _, ok := s.rows[p.row]; ok {
			fmt.Fprintf(&b, "\n%s\n\n![%s](%s)\n", p.about, p.row, p.file)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// trained tells how long the training was.
func (r result) trained() string {
	epochs := fmt.Sprintf("%d epochs", r.Epochs)
	if r.Epochs < r.Of {
		epochs = fmt.Sprintf("%d of %d epochs", r.Epochs, r.Of)
	}
	return epochs + " of " + strconv.Itoa(r.Images) + ", " + duration(r.Seconds)
}

func duration(seconds float64) string {
	switch {
	case seconds < 99.5:
		return fmt.Sprintf("%.0f s", seconds)
	case seconds < 99.5*60:
		return fmt.Sprintf("%.0f min", seconds/60)
	}
	return fmt.Sprintf("%.1f h", seconds/3600)
}

// digits prints a number to four significant digits.
func digits(v float64) string {
	if v == 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return fmt.Sprint(v)
	}
	places := min(max(3-int(math.Floor(math.Log10(math.Abs(v)))), 0), 6)
	return strconv.FormatFloat(v, 'f', places, 64)
}

const tableHead = `# What the models reach

Made by ` + "`make quality`" + ` (program ` + "[bench/quality](quality)" + `), which keeps every row with its full configuration in
[quality.json](quality.json); ` + "`go run ./bench/quality --quick`" + ` is the short form that CI runs, with bounds. Figures are of
the test images, by the weights of the epoch whose validation loss was the lowest, a classifier's of the least validation
error. MNIST is 60,000 and 10,000 images in [0, 1]; mse is the mean over pixels, PSNR the mean over images of −10·log₁₀ of
an image's mse; nats are for each image.

"PyTorch" is the same net, optimizer, batch and number of epochs in PyTorch 2.15, with initial weights of the same kind
and an order of images and noise of its own, by [torch_twins.py](quality/torch_twins.py). "PCA" is that of the training
images, of as many components as the code has numbers (at most 64), on the same test images. "Mean-fill" puts the mean of
the training images where pixels are missing. The largest principal angle is between what a linear decoder spans and
PCA's subspace; of components whose variances are close, as the 64th and the 65th are, the mse hardly tells one from
another. Times are those of training with one thread beside other work, of most IWAEs with two, of stacked models without
the pretraining.

| model | figure | ours | beside | source | config | seed | trained |
|---|---|---|---|---|---|---|---|
`

// pictures are what rows leave beside the table.
var pictures = []struct{ row, file, about string }{
	{"vae-binary-mnist", curves["vae-binary-mnist"].picture, "The VAE's validation loss by epoch, beside that of pythae's script (of Larochelle and Murray's draw)."},
	{"iwae-binary-mnist", curves["iwae-binary-mnist"].picture, "The IWAE's validation loss by epoch, beside PyTorch's ([torch_iwae.py](quality/torch_iwae.py), same images)."},
	{"wae", samplesPicture, "Samples of the WAE: codes drawn from the prior."},
}

const tableFoot = `
Binarised MNIST is drawn once and for all: pixel v of 255 is 1 where a number of Philox4x32-10, keyed by seed 1 and counted
by split, image and pixel, is below v/255 (` + "`binary:mnist:DIR`" + `). It is not the file of Larochelle and Murray, whose draw is
another. 10,000 of the 60,000 training images are held back for validation. The rows that learn from all of them keep the
weights of the lowest training loss; the VAE's recipe was chosen among some twenty by the likelihood of images held back, not of
test images, and the IWAE's is that one but for its gradients and 200 epochs.

"pythae's script" is examples/scripts/reproducibility/vae.py of pythae's repository, run by us for its 500 epochs with
pythae 0.1.2 and PyTorch 2.15 on a CPU ([pythae_vae.json](quality/pythae_vae.json)), by its own estimator, the mean of five
rounds. It was changed in how it reads Larochelle and Murray's files and where it writes, and lost an option of the schedule
that PyTorch has no more. Its rate falls twice by a factor of 0.63; ours stays. A second hidden layer of 400 stands commented
out in its encoder and decoder. The row 784-400-400-40 has that layer and a training of its own (a rate of 2e-4, averaged
weights, 300 epochs); whether the README's figure is of such a net is not known to us.

The net 784-200-200-50 is that of pythae's iwae.py, which trains it for 3,280 epochs, and of Burda et al., who have tanh where
ours has batch norm and GELU. Its IWAE is 2.54 nats better than the VAE trained alike by 200 codes and 2.85 by 5,000, and by 200
codes 3.07 better than the best row of the VAE 784-400-40, which has more weights. With one hidden layer of 400 the lead over the
VAE trained alike stays under 2 nats by 200 codes, but for the first epochs: 3.5 after 8 of the first recipe (117.7 and 121.2),
0.92 after 209 and 0.88 after all 500 (91.40, and 90.01 by 5,000 codes); 1.50 with batch norm, 1.65 with doubly reparameterized
gradients too. By 5,000 codes it is 1.49 after 209 epochs, and 1.99 and 2.07 of the last two. Burda et al. report 1.61 by 5,000 codes for such binarised images, and 1.98 for ones drawn anew at every turn.
`
