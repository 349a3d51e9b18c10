package train

import (
	"encoding/json"
	"fmt"
	"path/filepath"

	"hourglass/graph"
	"hourglass/kernels"
	"hourglass/models"
)

// saveBest writes the weights, averaged with EMADecay, to best.safetensors.
func (t *Trainer) saveBest(folder string, e Epoch) error {
	weights, err := t.Weights()
	if err != nil {
		return err
	}
	// The last step's loss may be a number although what it made of the weights
	// is not.
	if what := badVariable(weights); what != "" {
		return t.diverged("the weights are no longer finite", what)
	}
	if err := WriteWeights(filepath.Join(folder, BestName), t.model, weights, e); err != nil {
		return fmt.Errorf("train: saving the best weights: %w", err)
	}
	return nil
}

// Weights returns a copy of the model's variables: the averages of the weights
// with EMADecay, and what is not trained, such as running statistics.
func (t *Trainer) Weights() ([]graph.Array, error) {
	var weights []graph.Array
	for _, p := range t.vars.Params() {
		read := t.vars.Get
		if t.cfg.EMADecay > 0 {
			read = t.vars.Average
		}
		value, err := read(p.Name)
		if err != nil {
			return nil, err
		}
		weights = append(weights, graph.Array{Name: p.Name, Shape: p.Shape, Data: value})
	}
	return weights, nil
}

// WriteWeights writes a model and its variables, under our names and in our
// layouts, to a safetensors file, whole or not at all. The metadata hold what
// builds the model again, and the epoch that the weights are of.
func WriteWeights(path string, m models.Model, weights []graph.Array, e Epoch) error {
	metadata := map[string]string{formatKey: weightsFormat, versionKey: formatVersion}
	for key, value := range map[string]any{"model": m.Config(), "epoch": e} {
		text, err := json.Marshal(value)
		if err != nil {
			return fmt.Errorf("train: %s of the weights: %w", key, err)
		}
		metadata[key] = string(text)
	}
	return writeSealed(path, weights, metadata)
}

// ReadWeights reads a file of WriteWeights, such as best.safetensors. A file
// that is not as it was written is a *DamagedError.
func ReadWeights(path string) (models.Model, []graph.Array, Epoch, error) {
	fail := func(err error) (models.Model, []graph.Array, Epoch, error) { return nil, nil, Epoch{}, err }
	weights, metadata, err := readSealed(path)
	if err != nil {
		return fail(err)
	}
	if err := checkFormat(path, metadata, weightsFormat); err != nil {
		return fail(err)
	}
	var config models.Config
	var e Epoch
	for key, into := range map[string]any{"model": &config, "epoch": &e} {
		if err := json.Unmarshal([]byte(metadata[key]), into); err != nil {
			return fail(&DamagedError{path, fmt.Errorf("its %s: %w", key, err)})
		}
	}
	m, err := models.New(config)
	if err != nil {
		return fail(fmt.Errorf("train: %s: %w", path, err))
	}
	return m, weights, e, nil
}

// OpenRunner returns a runner of the model and weights of a file such as
// best.safetensors.
func OpenRunner(path string, dev kernels.Device, o RunnerOptions) (*Runner, error) {
	m, weights, _, err := ReadWeights(path)
	if err != nil {
		return nil, err
	}
	return NewRunner(m, dev, weights, o)
}
