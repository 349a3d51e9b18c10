package train

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hourglass/data"
	"hourglass/models/export"
)

// goldenSchedules maps PyTorch's schedules of golden_ops.json to ours; "steps"
// and "perEpoch" are the sizes of the run that gives the same curve.
func goldenSchedules(name string, o map[string]any) (s Schedule, steps, perEpoch int) {
	number := func(key string) float64 { return o[key].(float64) }
	switch name {
	case "schedule/step":
		return Schedule{Name: "step", StepEpochs: 1, Gamma: number("gamma")}, 20, int(number("step_size"))
	case "schedule/cosine", "schedule/cosine_floor":
		return Schedule{Name: "cosine", Floor: number("eta_min")}, int(number("T_max")), 1
	case "schedule/warmup":
		return Schedule{WarmupSteps: int(number("total_iters")), WarmupFrom: number("start_factor")}, 20, 1
	case "schedule/warmup_from_first":
		return Schedule{WarmupSteps: int(number("total_iters")) + 1}, 20, 1
	case "schedule/one_cycle":
		return Schedule{Name: "one-cycle", Rise: number("pct_start"), Start: number("div_factor"), End: number("final_div_factor")},
			int(number("total_steps")), 1
	}
	return Schedule{Name: "not known to this test"}, 0, 0
}

func TestSchedulesAreThoseOfPyTorch(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "testdata", "golden_ops.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name, Op string
		Options  map[string]any
	}
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	tensors, _, err := export.OpenSafetensors(filepath.Join("..", "testdata", "golden_ops.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	rates := map[string][]float64{}
	for _, x := range tensors {
		if name, ok := strings.CutSuffix(x.Name, "/rates"); ok {
			if rates[name], err = export.Values[float64](x); err != nil {
				t.Fatal(err)
			}
		}
	}
	found := 0
	for _, c := range cases {
		if c.Op != "schedule" {
			continue
		}
		found++
		s, steps, perEpoch := goldenSchedules(c.Name, c.Options)
		if err := s.withDefaults().validate(); err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		curve := s.Curve(c.Options["base_lr"].(float64), steps, perEpoch)
		for step, want := range rates[c.Name] {
			if got := curve.Rate(step); !(math.Abs(got-want) <= 1e-12*want) {
				t.Errorf("%s: step %d: rate %.17g, want %.17g", c.Name, step, got, want)
			}
		}
	}
	if found != 6 || len(rates) != 6 {
		t.Errorf("%d schedules and %d curves in the golden file, want 6", found, len(rates))
	}
}

func TestWarmupThenSchedule(t *testing.T) {
	warm := Schedule{Name: "cosine", WarmupSteps: 5}.Curve(0.1, 25, 5)
	plain := Schedule{Name: "cosine"}.Curve(0.1, 20, 5)
	for step := range 20 {
		if got, want := warm.Rate(step+5), plain.Rate(step); got != want {
			t.Errorf("step %d after the warm-up: rate %g, want %g", step, got, want)
		}
	}
	if first, last := warm.Rate(0), warm.Rate(4); !(math.Abs(first-0.02) <= 1e-15) || last != 0.1 {
		t.Errorf("the warm-up goes from %g to %g, want 0.02 to 0.1", first, last)
	}
	// Runs of one or two steps have no room for a curve but need a rate.
	for _, name := range []string{"constant", "step", "cosine", "one-cycle"} {
		for steps := 1; steps <= 2; steps++ {
			if rate := (Schedule{Name: name}).Curve(0.1, steps, 1).Rate(steps - 1); !(rate > 0 && rate <= 0.1) {
				t.Errorf("%s: last of %d steps: rate %g, want one above 0 up to 0.1", name, steps, rate)
			}
		}
	}
}

func TestConfigRefusals(t *testing.T) {
	if err := (Config{}).Validate(); err != nil {
		t.Errorf("the zero configuration: %v", err)
	}
	for want, c := range map[string]Config{
		"epochs":                  {Epochs: -1},
		"batch":                   {Batch: -128},
		"limit":                   {Limit: -1},
		"patience":                {Patience: -1},
		"validation_fraction":     {ValidationFraction: 1},
		"ema_decay":               {EMADecay: 1},
		"clip_norm":               {ClipNorm: math.NaN()},
		"min_delta":               {MinDelta: math.Inf(1)},
		"optimizer.name":          {Optimizer: Optimizer{Name: "adamm"}},
		"optimizer.learning_rate": {Optimizer: Optimizer{LearningRate: -1}},
		"optimizer.l1":            {Optimizer: Optimizer{Name: "sgd", L1: math.Inf(1)}},
		"optimizer.l1 is -0.1,":   {Optimizer: Optimizer{L1: -0.1}},
		"optimizer.momentum":      {Optimizer: Optimizer{Momentum: 0.9}},
		"optimizer.nesterov":      {Optimizer: Optimizer{Name: "sgd", Nesterov: true}},
		"schedule.name":           {Schedule: Schedule{Name: "linear"}},
		"schedule.warmup_steps":   {Schedule: Schedule{Name: "one-cycle", WarmupSteps: 3}},
		"schedule.rise":           {Schedule: Schedule{Name: "one-cycle", Rise: 2}},
		"schedule.gamma":          {Schedule: Schedule{Name: "step", Gamma: -1}},
	} {
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want+" ") {
			t.Errorf("error %v, want one that names %s", err, want)
		}
	}
}

// TestPointless: options without an effect are told, and pass as valid.
func TestPointless(t *testing.T) {
	for want, c := range map[string]Config{
		"":                       {},
		"schedule.warmup_from":   {Schedule: Schedule{WarmupFrom: 0.5}},
		"schedule.step_epochs":   {Schedule: Schedule{Name: "cosine", StepEpochs: 2}},
		"schedule.floor":         {Schedule: Schedule{Floor: 1e-5}},
		"schedule.start":         {Schedule: Schedule{Name: "step", Start: 2}},
		"schedule.floor is 0.5,": {Schedule: Schedule{Name: "cosine", Floor: 0.5}},
		"min_delta is 0.1, but":  {MinDelta: 0.1},
	} {
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", want, err)
		}
		if err := c.Pointless(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want+" ") {
			t.Errorf("error %v, want one that names %s", err, want)
		}
	}
	for _, s := range []Schedule{{Name: "step", Gamma: 0.5}, {Name: "cosine", Floor: 1e-5, WarmupSteps: 3, WarmupFrom: 0.1}, {Name: "one-cycle", Start: 3}} {
		if err := (Config{Schedule: s, Patience: 2, MinDelta: 0.1}).Pointless(); err != nil {
			t.Error(err)
		}
	}
}

func TestSplit(t *testing.T) {
	d := &data.Dataset{Name: "d", N: 100, H: 1, W: 1, C: 1, Pixels: make([]byte, 100)}
	train, validation, err := Config{Limit: 50, ValidationFraction: 0.1}.Split(d)
	if err != nil || train.Info().N != 45 || validation.Info().N != 5 {
		t.Errorf("split to %v and %v, %v; want 45 and 5 images", train, validation, err)
	}
	if train, validation, err = (Config{}).Split(d); err != nil || train.Info().N != 100 || validation != nil {
		t.Errorf("split to %v and %v, %v; want 100 images and nil", train, validation, err)
	}
}
