package main

import (
	"encoding/json"
	"fmt"
	"strings"
)

// figures are the numbers that the tour compares with those of others.
type figures struct {
	rows []string
}

// add adds a line of the table: what was measured, ours, and what it stands beside.
func (f *figures) add(what, ours, beside string) {
	f.rows = append(f.rows, fmt.Sprintf("| %s | %s | %s |\n", what, ours, beside))
}

// table is empty as long as nothing is measured.
func (f *figures) table() string {
	if len(f.rows) == 0 {
		return ""
	}
	return "\n| what | Hourglass | beside |\n|---|---|---|\n" + strings.Join(f.rows, "")
}

// anomalies reads the table of anomaly table.
func anomalies(f *figures, stdout []byte) error {
	var t struct {
		Model   string
		Latent  int
		Epochs  int
		Classes []struct{}
		Mean    struct{ AUROC float64 }
	}
	if err := json.Unmarshal(stdout, &t); err != nil {
		return err
	}
	f.add(fmt.Sprintf("AUROC, one digit in, nine out, mean of %d (%s, %d numbers, %d epochs of the digit)", len(t.Classes), t.Model, t.Latent, t.Epochs),
		fmt.Sprintf("%.1f %%", 100*t.Mean.AUROC), "89.7 % on MNIST, the convolutional autoencoder of Ruff et al., Deep One-Class Classification, 2018, table 1")
	return nil
}

// probes reads what probe prints.
func probes(f *figures, stdout []byte) error {
	var t struct {
		Count  [2]int
		Probes []struct {
			Features string
			Dim      int
			Test     float64
		}
	}
	if err := json.Unmarshal(stdout, &t); err != nil {
		return err
	}
	if len(t.Probes) == 0 {
		return fmt.Errorf("want probes, got none")
	}
	var beside []string
	for _, p := range t.Probes[1:] {
		features := p.Features
		if features == "pca" {
			features = "principal components"
		}
		beside = append(beside, fmt.Sprintf("%.1f %% on %d %s", 100*p.Test, p.Dim, features))
	}
	f.add(fmt.Sprintf("accuracy of logistic regression on %d %s, fitted to %d", t.Probes[0].Dim, t.Probes[0].Features, t.Count[0]),
		fmt.Sprintf("%.1f %%", 100*t.Probes[0].Test), strings.Join(beside, ", "))
	return nil
}

// neighbours reads what search prints.
func neighbours(what string) func(f *figures, stdout []byte) error {
	return func(f *figures, stdout []byte) error {
		var t struct {
			K, Count, Queries int
			Precision         float64 `json:"precision_at_k"`
		}
		if err := json.Unmarshal(stdout, &t); err != nil {
			return err
		}
		f.add(fmt.Sprintf("precision@%d of search by %s, %d queries among %d", t.K, what, t.Queries, t.Count), fmt.Sprintf("%.3f", t.Precision), "0.1 by chance")
		return nil
	}
}

// rates reads what compress --plot prints: the middle of its settings that JPEG
// reaches too.
func rates(f *figures, stdout []byte) error {
	var t struct {
		Rates []struct {
			Setting string
			Rate    float64 `json:"bits_per_pixel"`
			PSNR    float64
			JPEG    string
			Beside  *float64 `json:"jpeg_psnr"`
		}
	}
	if err := json.Unmarshal(stdout, &t); err != nil {
		return err
	}
	for _, r := range t.Rates {
		beside := "no JPEG is as small"
		if r.Beside != nil {
			beside = fmt.Sprintf("%.1f dB, %s", *r.Beside, r.JPEG)
		}
		if r.Setting == "3 bits" || r.Setting == "4 bits" || r.Setting == "6 bits" {
			f.add(fmt.Sprintf("PSNR of compress at %s a unit, %.3f bits per pixel", r.Setting, r.Rate), fmt.Sprintf("%.1f dB", r.PSNR), beside+" (at equal bytes)")
		}
	}
	return nil
}
