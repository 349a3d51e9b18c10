package train

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"hourglass/data"
)

// difference names the first option in which two configurations differ, each in
// the form that encoding/json gives it, or returns "".
func difference(name string, here, there any) string {
	return differ(name, asJSON(here), asJSON(there))
}

// asJSON returns a value as encoding/json reads it back, numbers in full.
func asJSON(v any) any {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("%v", v) // never for a configuration, which holds plain values
	}
	var out any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if d.Decode(&out) != nil {
		return string(text)
	}
	return out
}

func differ(name string, here, there any) string {
	a, isMap := here.(map[string]any)
	b, alsoMap := there.(map[string]any)
	if !isMap || !alsoMap {
		if reflect.DeepEqual(here, there) {
			return ""
		}
		return fmt.Sprintf("%s is %s here and %s in the checkpoint", name, show(here), show(there))
	}
	keys := maps.Clone(a)
	maps.Copy(keys, b)
	// Another name explains all other differences.
	for _, key := range append([]string{"name"}, slices.Sorted(maps.Keys(keys))...) {
		if d := differ(name+"."+key, a[key], b[key]); d != "" {
			return d
		}
	}
	return ""
}

// show prints an option; one that is left out has its zero value.
func show(v any) string {
	if v == nil {
		return "not set"
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}

// fingerprints identify the images of a run.
type fingerprints struct {
	Train      print  `json:"train"`
	Validation *print `json:"validation"`
}

// print identifies the images of a data set. The name is for messages: the same
// images may lie in another folder.
type print struct {
	Name   string `json:"name"`
	Images int    `json:"images"`
	Shape  [3]int `json:"shape"` // H, W, C
	SHA256 string `json:"sha256"`
}

func fingerprint(train, validation *data.Dataset) *fingerprints {
	p := &fingerprints{Train: printOf(train)}
	if validation != nil {
		v := printOf(validation)
		p.Validation = &v
	}
	return p
}

func printOf(d *data.Dataset) print {
	d.Load()
	hash := sha256.Sum256(d.Pixels)
	return print{d.Name, d.N, [3]int{d.H, d.W, d.C}, hex.EncodeToString(hash[:])}
}

// String returns a form such as "60000 images of builtin train (sha256 1f3a…)".
func (p *print) String() string {
	if p == nil {
		return "none"
	}
	return fmt.Sprintf("%d images of %s (sha256 %.8s…)", p.Images, p.Name, p.SHA256)
}

// same reports whether the images are the same, wherever they come from.
func (p *print) same(q *print) bool {
	if p == nil || q == nil {
		return p == q
	}
	return p.Images == q.Images && p.Shape == q.Shape && p.SHA256 == q.SHA256
}

// difference names the first set in which two runs differ, or returns "".
func (p *fingerprints) difference(q *fingerprints) string {
	switch {
	case !p.Train.same(&q.Train):
		return fmt.Sprintf("the training set is %v here and %v in the checkpoint", &p.Train, &q.Train)
	case !p.Validation.same(q.Validation):
		return fmt.Sprintf("the validation set is %v here and %v in the checkpoint", p.Validation, q.Validation)
	}
	return ""
}
