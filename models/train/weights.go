package train

import (
	"encoding/json"
	"fmt"
	"path/filepath"

	"hourglass/graph"
	"hourglass/kernels"
	"hourglass/models"
	"hourglass/models/export"
)

// saveBest writes the weights, averaged with EMADecay, to best.safetensors.
func (t *Trainer) saveBest(folder string, e Epoch) error {
	weights := t.vars.Weights()
	// The last step's loss may be a number although what it made of the weights
	// is not.
	what, err := badVariable(weights)
	if err != nil {
		return err
	}
	if what != "" {
		return t.diverged("the weights are no longer finite", what)
	}
	if err := writeWeights(filepath.Join(folder, BestName), t.model, streamsOf(weights), e); err != nil {
		return fmt.Errorf("train: saving the best weights: %w", err)
	}
	return nil
}

// Weights returns a copy of the model's variables: the averages of the weights
// with EMADecay, and what is not trained, such as running statistics.
func (t *Trainer) Weights() ([]graph.Array, error) { return graph.Arrays(t.vars.Weights()) }

// WriteWeights writes a model and its variables, under our names and in our
// layouts, to a safetensors file, whole or not at all. The metadata hold what
// builds the model again, and the epoch that the weights are of.
func WriteWeights(path string, m models.Model, weights []graph.Array, e Epoch) error {
	return writeWeights(path, m, streamsOfArrays(weights), e)
}

func writeWeights(path string, m models.Model, weights []export.Stream, e Epoch) error {
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
	file, err := openFormat(path, weightsFormat)
	if err != nil {
		return fail(err)
	}
	defer file.close()
	var config models.Config
	var e Epoch
	for key, into := range map[string]any{"model": &config, "epoch": &e} {
		if err := json.Unmarshal([]byte(file.metadata[key]), into); err != nil {
			return fail(&DamagedError{path, fmt.Errorf("its %s: %w", key, err)})
		}
	}
	m, err := models.New(config)
	if err != nil {
		return fail(fmt.Errorf("train: %s: %w", path, err))
	}
	weights, err := file.inMemory()
	if err != nil {
		return fail(err)
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
