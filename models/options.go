package models

import (
	"fmt"
	"reflect"
	"strings"
)

// An Option is a field of Config that a model takes.
type Option struct {
	Name    string `json:"name"`    // in TOML and JSON
	Default any    `json:"default"` // of Default's Config
	About   string `json:"about"`
}

// optionsAbout is a line about each field of Config but its name, for a user
// who has the list of values elsewhere in it or knows them.
var optionsAbout = map[string]string{
	"image":           "height, width and channels",
	"latent":          "units of the code",
	"network":         "what encoder and decoder are made of: dense, conv or sequence",
	"hidden":          "widths of the dense layers between image and code",
	"blocks":          "convolutions between image and code: filters, kernel, stride",
	"downsample":      "how blocks shrink the image: stride, max or average",
	"upsample":        "how the decoder enlarges it: transpose, nearest or bilinear",
	"activation":      "of hidden layers: " + strings.Join(activationNames(), ", "),
	"code_activation": "of the code, one of the same",
	"output":          "of the reconstruction: sigmoid or identity",
	"norm":            "of hidden layers: none, batch or group",
	"groups":          "groups of channels that norm group makes at most, 0 for 8",
	"dropout":         "probability of dropping a hidden unit",
	"init":            "initial weights: keras or pytorch",
	"loss":            "mse, l1, huber or bce, mean over all elements",
	"huber_delta":     "error up to which huber is half the square, 0 for 1",
	"likelihood":      "of the image: bernoulli or gaussian",
	"sigma":           "standard deviation of the gaussian likelihood, 0 for 0.1",
	"learn_sigma":     "learn sigma",
	"beta":            "weight of the divergence",
	"kl_warmup":       "steps over which beta rises from 0",
	"free_bits":       "nats of divergence that cost nothing, for each unit of the code",
	"samples":         "codes drawn for each image",
	"gradient":        "of the encoder: reparameterized, or dreg (doubly so), which has less variance",
	"codebook":        "number of codes",
	"commitment":      "weight of the encoder's distance from the codes",
	"codebook_decay":  "weight of the past in the averages that codes are",
	"revive":          "uses in a batch below which a code moves, 0 for never",
	"lambda":          "weight of the discrepancy of codes and prior",
	"denoise":         "corruption to undo: gaussian:SIGMA, mask:FRACTION, saltpepper:FRACTION, square:SIDE, half, pixels:FRACTION",
	"keep_given":      "keep the pixels that a mask leaves, and learn the others alone",
	"colorize":        "show the encoder grey images",
	"sparsity":        "penalty of the code: l1:WEIGHT or kl:RHO:WEIGHT",
	"contractive":     "weight of the squared norm of the encoder's Jacobian",
	"jacobian":        "how that is computed: exact or hutchinson",
	"classes":         "learn labels of so many classes by a softmax layer on the code, 0 for none",
	"head_only":       "train that layer alone",
}

// Options returns the options that a model takes, in the order of Config's
// fields.
func Options(name string) ([]Option, error) {
	c, err := Default(name)
	if err != nil {
		return nil, err
	}
	m, err := New(c)
	if err != nil {
		return nil, fmt.Errorf("models: the default of %s: %w", name, err)
	}
	resolved := m.Config()
	// Options of options are listed too.
	probe := resolved
	probe.Contractive, probe.Norm = 1, "group"
	if probe.hasLoss() {
		probe.Loss = "huber"
	}
	if probe.isVariational() {
		probe.Likelihood = "gaussian"
	}
	lacks := map[string]bool{}
	for _, r := range probe.restrictions() {
		lacks[r.name] = !r.fits
	}
	if lacks["contractive"] {
		lacks["jacobian"] = true
	}
	if resolved.Colorize {
		lacks["keep_given"] = true
	}
	if name == "linear" {
		for _, o := range []string{"activation", "code_activation", "output", "norm", "groups", "dropout"} {
			lacks[o] = true
		}
	}
	if probe.hasNetwork() { // either network's
		for _, o := range []string{"hidden", "blocks", "downsample", "upsample"} {
			lacks[o] = false
		}
	}
	var options []Option
	v := reflect.ValueOf(resolved)
	for i := range v.NumField() {
		key, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("toml"), ",")
		if key == "name" || lacks[key] {
			continue
		}
		options = append(options, Option{key, v.Field(i).Interface(), optionsAbout[key]})
	}
	return options, nil
}
