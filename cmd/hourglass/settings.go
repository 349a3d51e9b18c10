package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/spf13/pflag"

	"hourglass/models"
	"hourglass/models/train"
)

// settings is all that decides a run. Its TOML form is a configuration file,
// and the config.toml of a run folder.
type settings struct {
	Data string `toml:"data"`
	// Memory and Strict are those of reading.
	Memory  string `toml:"memory,omitempty"`
	Strict  bool   `toml:"strict,omitempty"`
	Threads int    `toml:"threads"`
	Device  string `toml:"device"`
	// Precision is that of products; a run from before it was a setting has none.
	Precision string `toml:"precision"`
	// CheckpointSteps is after how many steps a checkpoint is written, beside
	// those at the end of epochs; 0 writes no others.
	CheckpointSteps int `toml:"checkpoint_steps"`

	Model models.Config `toml:"model"`
	Train train.Config  `toml:"train"`

	// made is the comment of config.toml that tells how the run was made, "" for
	// wasTrained.
	made string
}

// How a run was made, as config.toml begins. Of one that did not begin with a
// model of the settings alone, these do not tell all.
const (
	wasTrained  = "# What this run was made with; hourglass train --config takes it again.\n"
	tookWeights = "# hourglass train --resume goes on with this run; train --config takes the settings\n# alone, and trains such a model from nothing.\n"
)

// What a run that is told nothing does.
const (
	defaultModel      = "conv"
	defaultData       = "builtin"
	seriesData        = "series" // for models of windows
	colourData        = "shapes" // for models of colours
	defaultEpochs     = 5
	defaultValidation = 0.01
	// builtinLimit makes the first run on the built-in digits a short one.
	builtinLimit = 20000
)

// threadsUsage is what help says of --threads.
var threadsUsage = fmt.Sprintf("processors to use, at most %d, 0 for all (default 0)", mostThreads)

// What is more than any machine has or needs is a slip of the pen.
const (
	mostThreads = 1024
	mostBatch   = 1_000_000
)

// flagKeys tells which setting a flag gives.
var flagKeys = map[string]string{
	"data": "data", "memory": "memory", "strict": "strict", "threads": "threads", "device": "device", "precision": "precision", "checkpoint": "checkpoint_steps",

	"model": "model.name", "latent": "model.latent", "network": "model.network", "hidden": "model.hidden",
	"activation": "model.activation", "norm": "model.norm", "dropout": "model.dropout", "init": "model.init",
	"loss": "model.loss", "likelihood": "model.likelihood", "beta": "model.beta",
	"sigma": "model.sigma", "learn-sigma": "model.learn_sigma", "kl-warmup": "model.kl_warmup", "free-bits": "model.free_bits",
	"samples": "model.samples", "gradient": "model.gradient", "codebook": "model.codebook", "commitment": "model.commitment", "lambda": "model.lambda",
	"code-activation": "model.code_activation", "denoise": "model.denoise", "keep-given": "model.keep_given", "colorize": "model.colorize",
	"sparsity": "model.sparsity", "contractive": "model.contractive", "jacobian": "model.jacobian",
	"classes": "model.classes", "head-only": "model.head_only",

	"epochs": "train.epochs", "pretrain-epochs": "train.pretrain_epochs", "batch": "train.batch", "seed": "train.seed", "limit": "train.limit",
	"validation": "train.validation_fraction",
	"optimizer":  "train.optimizer.name", "lr": "train.optimizer.learning_rate",
	"weight-decay": "train.optimizer.weight_decay", "l1": "train.optimizer.l1", "momentum": "train.optimizer.momentum",
	"schedule": "train.schedule.name", "warmup": "train.schedule.warmup_steps",
	"clip": "train.clip_norm", "ema": "train.ema_decay",
	"patience": "train.patience", "min-delta": "train.min_delta",
}

// addFlags declares the flags that give settings. Where a flag names no
// default, leaving it out leaves the setting off.
func (s *settings) addFlags(f *pflag.FlagSet) {
	f.StringVar(&s.Model.Name, "model", "", "the kind of autoencoder (default "+defaultModel+")")
	f.StringVar(&s.Data, "data", "", "the data set: builtin, mnist:DIR, images:DIR, npy:FILE, …; hourglass data lists all (default builtin)")
	f.IntVar(&s.Model.Latent, "latent", 0, "units of the code (default by model: conv 16, dense 32, vae 20)")
	f.StringVar(&s.Model.Network, "network", "", "what vae, iwae and wae are made of: dense, conv or sequence (default dense)")
	f.Var((*widths)(&s.Model.Hidden), "hidden", "of the hidden dense layers, as 256,128 or none (default by model: dense 128, vae 400)")
	f.StringVar(&s.Model.Activation, "activation", "", "of hidden layers: relu, leaky_relu, elu, silu, gelu, … (default relu)")
	f.StringVar(&s.Model.Norm, "norm", "", "normalisation: none, batch or group (default none)")
	f.Float64Var(&s.Model.Dropout, "dropout", 0, "probability of dropping a hidden unit")
	f.StringVar(&s.Model.Init, "init", "", "initial weights: keras or pytorch (default keras)")
	f.StringVar(&s.Model.Loss, "loss", "", "of deterministic models but wae: mse, l1, huber or bce (default mse)")
	f.StringVar(&s.Model.Likelihood, "likelihood", "", "of vae and iwae: bernoulli or gaussian (default bernoulli)")
	f.Float64Var(&s.Model.Beta, "beta", 0, "weight of a vae's divergence (default 1)")
	f.IntVar(&s.Model.KLWarmup, "kl-warmup", 0, "steps in which a vae's beta rises from 0")
	f.Float64Var(&s.Model.FreeBits, "free-bits", 0, "nats that each unit of a vae's code has free of cost")
	f.Float64Var(&s.Model.Sigma, "sigma", 0, "standard deviation of a gaussian likelihood (default 0.1)")
	f.BoolVar(&s.Model.LearnSigma, "learn-sigma", false, "learn that deviation, from sigma on")
	f.StringVar(&s.Model.Gradient, "gradient", "", "of an iwae's encoder: reparameterized or dreg (default reparameterized)")
	f.IntVar(&s.Model.Samples, "samples", 0, "codes that an iwae draws for each image (default 5)")
	f.IntVar(&s.Model.Codebook, "codebook", 0, "codes of a vqvae (default 128)")
	f.Float64Var(&s.Model.Commitment, "commitment", 0, "weight of a vqvae's distance from its codes (default 0.25)")
	f.Float64Var(&s.Model.Lambda, "lambda", 0, "weight of a wae's discrepancy (default 200)")
	s.addPartFlags(f)

	f.IntVar(&s.Train.Epochs, "epochs", 0, fmt.Sprintf("passes over the training images (default %d)", defaultEpochs))
	f.IntVar(&s.Train.PretrainEpochs, "pretrain-epochs", 0, "passes for each layer of a stacked model alone (default that of epochs)")
	f.IntVar(&s.Train.Batch, "batch", 0, "images of a step (default 128)")
	f.IntVar(&s.Train.Limit, "limit", 0, fmt.Sprintf("train on the first N images alone, 0 for all (default 0, with builtin %d)", builtinLimit))
	f.Float64Var(&s.Train.ValidationFraction, "validation", 0, fmt.Sprintf("share of the images held back for validation (default %g)", defaultValidation))
	f.Uint64Var(&s.Train.Seed, "seed", 0, "of weights, order and noise (default 0)")
	f.StringVar(&s.Train.Optimizer.Name, "optimizer", "", "adam, adamw, sgd or rmsprop (default adam)")
	f.Float64Var(&s.Train.Optimizer.LearningRate, "lr", 0, "learning rate (default adam, adamw 0.001; sgd, rmsprop 0.01)")
	f.Float64Var(&s.Train.Optimizer.WeightDecay, "weight-decay", 0, "L2 penalty of the weights; with adamw decoupled")
	f.Float64Var(&s.Train.Optimizer.L1, "l1", 0, "L1 penalty of the weights")
	f.Float64Var(&s.Train.Optimizer.Momentum, "momentum", 0, "of sgd and rmsprop")
	f.StringVar(&s.Train.Schedule.Name, "schedule", "", "of the learning rate: constant, step, cosine or one-cycle (default constant)")
	f.IntVar(&s.Train.Schedule.WarmupSteps, "warmup", 0, "steps in which the learning rate rises to its value")
	f.Float64Var(&s.Train.ClipNorm, "clip", 0, "bound of the gradients' global norm")
	f.Float64Var(&s.Train.EMADecay, "ema", 0, "decay of the moving average of the weights")
	f.IntVar(&s.Train.Patience, "patience", 0, "stop after so many epochs without a lower validation loss, or error of a classifier")
	f.Float64Var(&s.Train.MinDelta, "min-delta", 0, "the least that counts as improvement")

	f.StringVar(&s.Memory, "memory", "", memoryUsage)
	f.BoolVar(&s.Strict, "strict", false, strictUsage)
	f.IntVar(&s.CheckpointSteps, "checkpoint", 0, "write a checkpoint every N steps too, not at the end of epochs alone")
	f.IntVar(&s.Threads, "threads", 0, threadsUsage)
	f.StringVar(&s.Device, "device", "", "auto, cpu, cuda or cuda:N; auto is a GPU if there is one (default auto)")
	f.StringVar(&s.Precision, "precision", "", "of products: f32, tf32 or bf16, with sums and weights in float32 (default tf32 on a GPU, else f32)")
}

// addPartFlags declares the flags of what models are combined with.
func (s *settings) addPartFlags(f *pflag.FlagSet) {
	f.StringVar(&s.Model.CodeActivation, "code-activation", "", "of the code (default by model: dense relu, conv identity)")
	f.StringVar(&s.Model.Denoise, "denoise", "", "learn to undo gaussian:SIGMA, mask:FRACTION, saltpepper:FRACTION, square:SIDE, half or pixels:FRACTION")
	f.BoolVar(&s.Model.KeepGiven, "keep-given", false, "keep the pixels that a mask leaves, and learn the others alone")
	f.BoolVar(&s.Model.Colorize, "colorize", false, "learn colours from grey images")
	f.StringVar(&s.Model.Sparsity, "sparsity", "", "penalty of the code: l1:WEIGHT or kl:RHO:WEIGHT")
	f.Float64Var(&s.Model.Contractive, "contractive", 0, "weight of the squared norm of the encoder's Jacobian")
	f.StringVar(&s.Model.Jacobian, "jacobian", "", "how that is computed: exact or hutchinson (default exact)")
	f.IntVar(&s.Model.Classes, "classes", 0, "learn labels of so many classes by a softmax layer on the code")
	f.BoolVar(&s.Model.HeadOnly, "head-only", false, "train that layer alone")
}

// widths is a list of whole numbers as a flag: "256,128", or "none" for an
// empty list.
type widths []int

func (w *widths) Type() string { return "widths" }

func (w *widths) String() string {
	var parts []string
	for _, n := range *w {
		parts = append(parts, strconv.Itoa(n))
	}
	return strings.Join(parts, ",")
}

func (w *widths) Set(text string) error {
	list := widths{}
	if text != "none" {
		for part := range strings.SplitSeq(text, ",") {
			n, err := strconv.Atoi(strings.TrimSpace(part))
			if err != nil {
				return errors.New("not a whole number")
			}
			list = append(list, n)
		}
	}
	*w = list
	return nil
}

// sources are the flags that give settings in other ways: those of settings
// that have no flag of their own, and a file of many.
type sources struct {
	file string
	sets []string
}

func (o *sources) addFlags(f *pflag.FlagSet) {
	f.StringVar(&o.file, "config", "", "read settings from a TOML file, such as a run's "+configName)
	f.StringArrayVar(&o.sets, "set", nil, "KEY=VALUE, any setting of "+configName+", as model.output=identity; again for more")
}

// given is what a user asked for: the flags on the command line, as text, and
// the configuration file.
type given struct {
	flags map[string]string // by name
	sets  []string          // KEY=VALUE
	file  string            // "" for none
	text  string            // of the file
}

// readGiven collects the flags that are on the command line, and reads the
// configuration file.
func readGiven(f *pflag.FlagSet, o sources) (given, error) {
	g := given{flags: map[string]string{}, sets: o.sets, file: o.file}
	f.Visit(func(flag *pflag.Flag) {
		if _, ok := flagKeys[flag.Name]; ok {
			g.flags[flag.Name] = flag.Value.String()
		}
	})
	for name, text := range g.flags {
		if text == "" && name != "hidden" {
			return g, usagef("--%s is empty; give it a value or leave it out", name)
		}
	}
	if o.file == "" {
		return g, nil
	}
	text, err := os.ReadFile(o.file)
	if err != nil {
		return g, usagef("--config: %w", err)
	}
	g.text = string(text)
	return g, nil
}

// onto overwrites settings by what is given: first by the file, then by --set,
// then by the other flags.
func (g given) onto(s *settings) error {
	if g.file != "" {
		if err := decodeSettings(g.text, g.file, s); err != nil {
			return usageError{err}
		}
	}
	for _, assignment := range g.sets {
		if err := set(s, assignment); err != nil {
			return usageError{err}
		}
	}
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	values := *s
	s.addFlags(f) // sets every field to its zero
	*s = values
	for name, text := range g.flags {
		if name == "hidden" && text == "" {
			text = "none"
		}
		if err := f.Set(name, text); err != nil {
			return usageError{err}
		}
	}
	return nil
}

// set applies KEY=VALUE. A value is written as in TOML, but words need no quotes.
func set(s *settings, assignment string) error {
	key, value, ok := strings.Cut(assignment, "=")
	if !ok {
		return fmt.Errorf("--set %s: want KEY=VALUE", assignment)
	}
	if list := listAround(key); list != "" {
		return fmt.Errorf("--set %s: %s is a list of tables: want the whole of it, as %[2]s=[{%s=%s}]", assignment, list, key[len(list)+1:], value)
	}
	var as map[string]any
	if _, err := toml.Decode("value = "+value, &as); err != nil {
		value = strconv.Quote(value)
	}
	return decodeSettings(key+" = "+value, "--set "+assignment, s)
}

// resolve returns the settings of a new run. Defaults depend on the names of
// model, optimizer and schedule, so those are read first.
func (g given) resolve() (settings, error) {
	var names settings
	if err := g.onto(&names); err != nil {
		return names, err
	}
	s := settings{Data: defaultData, Device: autoDevice, Precision: autoPrecision}
	s.Train = train.Config{
		Epochs:             defaultEpochs,
		ValidationFraction: defaultValidation,
		Optimizer:          train.Optimizer{Name: names.Train.Optimizer.Name},
		Schedule:           train.Schedule{Name: names.Train.Schedule.Name},
	}.WithDefaults()
	if names.Data == "" || strings.HasPrefix(names.Data, defaultData) {
		s.Train.Limit = builtinLimit
	}
	if names.Model.Name == "" {
		names.Model.Name = defaultModel
	}
	var err error
	if s.Model, err = models.Default(names.Model.Name); err != nil {
		return s, usageError{err}
	}
	if s.Model.Image[0] == 1 {
		s.Data = seriesData
	}
	if s.Model.Colorize || names.Model.Colorize {
		s.Data = colourData
	}
	s.Model.Image = [3]int{} // that of the data, unless given
	if err := g.onto(&s); err != nil {
		return s, err
	}
	if err := s.check(); err != nil {
		return s, err
	}
	if err := s.checkModel(); err != nil {
		return s, err
	}
	return s, g.checkNew(s)
}

// checkModel returns a usage error for what would do nothing in a new model. One
// that is fine-tuned may have it, of before it was refused.
func (s settings) checkModel() error {
	if s.Model.Name == "wae" && s.Train.Batch == 1 && s.Model.Classes == 0 {
		return usagef("--batch is 1, but a wae learns from pairs of codes; want at least 2")
	}
	if m, err := models.New(s.Model); err == nil { // what is wrong is told with the images' shape
		if err := m.Config().Pointless(); err != nil {
			return usageError{err}
		}
	}
	return nil
}

// checkNew returns a usage error for what would do nothing in a new run. Runs of
// before it was refused may have it.
func (g given) checkNew(s settings) error {
	_, asked := g.flags["pretrain-epochs"] // a run's file has a 0 for as many as epochs
	switch n := s.Train.PretrainEpochs; {
	case n == 0 && asked:
		return usagef("--pretrain-epochs is 0, want more; leave it out for as many as --epochs")
	case n > 0 && (s.Model.Name != "stacked" || s.Model.Classes > 0):
		return usagef("--pretrain-epochs is %d, but only a stacked model without classes is trained layer by layer first; leave it out", n)
	}
	if err := s.Train.Pointless(); err != nil {
		return usageError{err}
	}
	return nil
}

// check returns a usage error for the first setting that is wrong.
func (s settings) check() error {
	if err := s.checkDevice(); err != nil {
		return err
	}
	if _, err := parseSize(s.Memory); err != nil {
		return err
	}
	if s.Threads < 0 || s.Threads > mostThreads {
		return usagef("--threads is %d, want 0 (all processors) to %d", s.Threads, mostThreads)
	}
	if s.Train.Batch > mostBatch {
		return usagef("--batch is %d, want 1 to %d", s.Train.Batch, mostBatch)
	}
	if s.CheckpointSteps < 0 {
		return usagef("checkpoint is %d, want 0 (at the end of epochs alone) or more", s.CheckpointSteps)
	}
	if err := s.Train.Validate(); err != nil {
		return usageError{err}
	}
	// train.Config reads some zeros as "the default". Defaults are in place
	// here, so such a zero was asked for, and must not be overruled in silence.
	replaced := leavesOf(s.Train.WithDefaults(), "train")
	for i, l := range leavesOf(s.Train, "train") {
		if !reflect.DeepEqual(l.value, replaced[i].value) {
			return usagef("%s is %v, want more; leave it out for the default", l.name(), l.value)
		}
	}
	return nil
}

// model returns the model that the settings describe.
func (s settings) model() (models.Model, error) {
	m, err := models.New(s.Model)
	if err != nil {
		return nil, usageError{err}
	}
	return m, nil
}

// decodeSettings reads TOML onto s. A key that is not a setting is an error, so
// that a slip of the pen does not leave a default in place.
func decodeSettings(text, file string, s *settings) error {
	meta, err := toml.Decode(text, s)
	if err != nil {
		return fmt.Errorf("%s: %s", file, strings.TrimPrefix(err.Error(), "toml: "))
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		key := unknown[0].String()
		return fmt.Errorf("%s: there is no setting %q%s", file, key, suggestKey(key))
	}
	return nil
}

// writeSettings writes s as TOML.
func writeSettings(w io.Writer, s settings) error {
	if _, err := io.WriteString(w, cmp.Or(s.made, wasTrained)); err != nil {
		return err
	}
	return toml.NewEncoder(w).Encode(s)
}
