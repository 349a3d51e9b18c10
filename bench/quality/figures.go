package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
	"os"

	"hourglass/data"
	"hourglass/models"
	"hourglass/models/metrics"
	"hourglass/models/train"
)

// twins holds what torch_twins.py measured, by row and figure.
//
//go:embed torch_twins.json
var twins []byte

// torch returns PyTorch's figure of a row, and nothing in the short form, whose
// training is another.
func (e *experiment) torch(figure string) beside {
	var all map[string]map[string]float64
	if err := json.Unmarshal(twins, &all); err != nil {
		panic(fmt.Sprintf("quality: torch_twins.json: %v", err))
	}
	v, ok := all[e.row.name][figure]
	if e.quick || !ok {
		return beside{}
	}
	return beside{"PyTorch", v}
}

// reference returns a figure of the literature, and nothing in the short form.
func (e *experiment) reference(who string, v float64) beside {
	if e.quick {
		return beside{}
	}
	return beside{who, v}
}

// reconstruction measures what is left of the test images.
func reconstruction(_ context.Context, e *experiment) error {
	p, err := e.principal(e.settings.Model.Latent)
	if err != nil {
		return err
	}
	error, err := p.error(e)
	if err != nil {
		return err
	}
	e.add("test mse", e.values["mse"], e.torch("mse"), beside{"PCA", error})
	return nil
}

// subspace compares a linear code with PCA.
func subspace(_ context.Context, e *experiment) error {
	p, err := e.principal(e.settings.Model.Latent)
	if err != nil {
		return err
	}
	error, err := p.error(e)
	if err != nil {
		return err
	}
	angle, err := p.angle(e)
	if err != nil {
		return err
	}
	e.add("test mse", e.values["mse"], beside{"PCA", error})
	e.add("test mse above PCA's, %", 100*(e.values["mse"]/error-1))
	e.add("largest principal angle, degrees", angle*180/math.Pi)
	return nil
}

// classification measures a classifier.
func classification(_ context.Context, e *experiment) error {
	e.add("test error, %", 100*(1-e.values["accuracy"]), e.reference("Theano tutorial", 1.3))
	return nil
}

// activity measures how busy a code is.
func activity(_ context.Context, e *experiment) error {
	if e.row.name == "sparse" {
		e.add("mean activation", e.values["activation"], beside{"ρ", 0.05})
	} else {
		e.add("mean activation", e.values["activation"])
	}
	dead, silent, err := e.silence()
	if err != nil {
		return err
	}
	e.add("share of activations below 0.01", silent)
	e.add("units that are never above 0.01", dead)
	e.add("test mse", e.values["mse"])
	return nil
}

// silence returns how many units of the code no test image raises above 0.01,
// and the share of all activations that are below.
func (e *experiment) silence() (dead, silent float64, err error) {
	codes, err := e.codes()
	if err != nil {
		return 0, 0, err
	}
	z := e.runner.Latent()
	awake := make([]bool, z)
	for i, a := range codes {
		if a > 0.01 {
			awake[i%z] = true
		} else {
			silent++
		}
	}
	for _, a := range awake {
		if !a {
			dead++
		}
	}
	return dead, silent / float64(len(codes)), nil
}

// contraction measures how much a code moves with its image, beside that of the
// same net trained with next to no penalty.
func contraction(ctx context.Context, e *experiment) error {
	free, err := e.rival(ctx, func(s *settings) { s.Model.Contractive, s.Model.Jacobian = 1e-12, "hutchinson" })
	if err != nil {
		return err
	}
	e.add("‖∂code/∂image‖²", e.values["contractive"], beside{"without the penalty", free.values["contractive"]})
	e.add("test mse", e.values["mse"], beside{"without the penalty", free.values["mse"]})
	return nil
}

// likelihood measures a variational model.
func likelihood(ctx context.Context, e *experiment) error {
	vae, err := e.vae(ctx)
	if err != nil {
		return err
	}
	for i, codes := range e.row.codes {
		if e.quick && i > 0 {
			break
		}
		readme := 0.0
		if i < len(e.row.readme) {
			readme = e.row.readme[i]
		}
		if err := e.likelihoodBy(ctx, codes, vae, readme); err != nil {
			return err
		}
	}
	if e.settings.Model.Name == "iwae" {
		e.add(fmt.Sprintf("bound of %d codes, nats", e.settings.Model.Samples), e.values["iwae_k"])
	}
	if err := e.besideCurve(); err != nil {
		return err
	}
	e.add("ELBO, nats", e.values["elbo"], e.torch("elbo"))
	e.add("KL, nats", e.values["kl"], e.torch("kl"))
	return nil
}

// likelihoodBy adds the likelihood that so many codes for each image estimate.
// Beside an IWAE's stands that of the VAE, beside all what pythae's README has,
// unless that is 0, and what the same training reached elsewhere.
func (e *experiment) likelihoodBy(ctx context.Context, codes int, vae *experiment, readme float64) error {
	ours, err := e.nll(ctx, codes)
	if err != nil {
		return err
	}
	var others []beside
	if vae != nil {
		theirs, err := vae.nll(ctx, codes)
		if err != nil {
			return err
		}
		others = []beside{{fmt.Sprintf("VAE after %d epochs", len(vae.history)), theirs}}
	}
	if readme != 0 {
		others = append(others, e.reference("pythae's README", readme))
	}
	if c, theirs, ok := e.elsewhere(); ok && vae == nil && theirs.NLL > 0 {
		others = append(others, beside{c.who, theirs.NLL})
	}
	e.add(fmt.Sprintf("NLL by %d codes, nats", codes), ours, others...)
	return nil
}

// nll returns −ln p(x) of the test images, by so many codes for each.
func (e *experiment) nll(ctx context.Context, codes int) (float64, error) {
	t := e.settings.Train
	runner, err := train.NewRunner(e.model, e.dev, e.weights, train.RunnerOptions{Batch: t.Batch, Seed: t.Seed, Samples: codes})
	if err != nil {
		return 0, err
	}
	values, err := measured(ctx, runner, e.test)
	return values["nll_is"], err
}

// vae trains the VAE that an IWAE's row is held against: alike, for as many
// epochs. Of other models it returns nil.
func (e *experiment) vae(ctx context.Context) (*experiment, error) {
	if e.settings.Model.Name != "iwae" {
		return nil, nil
	}
	return e.rival(ctx, func(s *settings) {
		s.Model.Name, s.Model.Samples, s.Model.Gradient, s.Model.Beta = "vae", 0, "", 1
		s.Train.Epochs = len(e.history)
	})
}

// rival trains and evaluates the row's model with settings that are changed. The
// weights are those of the epoch that the row's would be.
func (e *experiment) rival(ctx context.Context, change func(*settings)) (*experiment, error) {
	other, err := e.prepare(e.row)
	if err != nil {
		return nil, err
	}
	other.row.name += "'s rival"
	if other.folder != "" {
		if other.folder, err = os.MkdirTemp("", "quality-"); err != nil {
			return nil, err
		}
		defer os.RemoveAll(other.folder)
	}
	change(&other.settings)
	if other.model, err = models.New(other.settings.Model); err != nil {
		return nil, err
	}
	other.settings.Model = other.model.Config()
	if err := other.trained(ctx); err != nil {
		return nil, err
	}
	other.values, err = measured(ctx, other.runner, other.test)
	return other, err
}

// codebook measures a quantised model.
func codebook(_ context.Context, e *experiment) error {
	e.add("perplexity of a batch", e.values["perplexity"], beside{"at most", float64(e.settings.Model.Codebook)})
	e.add("test mse", e.values["mse"])
	return nil
}

// discrepancy measures how far codes are from their prior.
func discrepancy(_ context.Context, e *experiment) error {
	e.add("MMD of a batch", e.values["mmd"])
	e.add("test mse", e.values["mse"])
	return e.samples()
}

// anomalies scores every test window by its negative ELBO.
func anomalies(_ context.Context, e *experiment) error {
	windows, err := everything(e.test)
	if err != nil {
		return err
	}
	scores, err := e.runner.EvaluateEach("elbo", windows)
	if err != nil {
		return err
	}
	errors, err := e.runner.EvaluateEach("mse", windows)
	if err != nil {
		return err
	}
	odd := make([]bool, e.test.N)
	for i := range odd {
		scores[i] = -scores[i]
		odd[i] = e.test.Labels[i] == 1
	}
	area, err := metrics.AUROC(scores, odd)
	if err != nil {
		return err
	}
	byError, err := metrics.AUROC(errors, odd)
	if err != nil {
		return err
	}
	e.add("AUROC of −ELBO", area, beside{"squared error", byError})
	e.add("ELBO, nats", e.values["elbo"])
	return nil
}

// codes returns those of the test images.
func (e *experiment) codes() ([]float32, error) {
	images, err := everything(e.test)
	if err != nil {
		return nil, err
	}
	return e.runner.Encode(images)
}

// everything reads all samples of a set.
func everything(d *data.Dataset) ([]float32, error) {
	index := make([]int32, d.N)
	for i := range index {
		index[i] = int32(i)
	}
	all := make([]float32, d.N*d.SampleSize())
	return all, d.Read(all, index)
}
