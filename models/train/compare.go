package train

import (
	"bytes"
	"cmp"
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

// print identifies the samples of a source. The name is for messages: the same
// images may lie in another folder.
type print struct {
	Name   string `json:"name"`
	Images int    `json:"images"`
	Shape  [3]int `json:"shape"` // H, W, C
	// SHA256 is that of all samples as they lie in memory; a set that is streamed
	// has none, as reading all of it could take longer than the run.
	SHA256 string `json:"sha256,omitempty"`
	// Some is the SHA-256 of samples that are spread over the set, as numbers.
	Some string `json:"some"`
}

// fingerprint identifies the sets of a run, with their labels if it learns them.
func fingerprint(train, validation data.Source, labels bool) (*fingerprints, error) {
	p := &fingerprints{}
	var err error
	if p.Train, err = printOf(train, labels); err != nil || validation == nil {
		return p, err
	}
	v, err := printOf(validation, labels)
	p.Validation = &v
	return p, err
}

func printOf(s data.Source, labels bool) (print, error) {
	info := s.Info()
	if !labels {
		info.Labels = nil
	}
	p := print{Name: info.Name, Images: info.N, Shape: [3]int{info.H, info.W, info.C}}
	if d, ok := s.(*data.Dataset); ok {
		d.Load()
		hash := sha256.New()
		hash.Write(d.Pixels)
		hash.Write(bytesOf(d.Values))
		hash.Write(info.Labels)
		p.SHA256 = hex.EncodeToString(hash.Sum(nil))
	}
	var err error
	p.Some, err = someOf(s, info.Labels)
	return p, err
}

// someOf returns the SHA-256 of all labels and of up to 64 samples that are
// spread over a source.
func someOf(s data.Source, labels []uint8) (string, error) {
	info := s.Info()
	hash, values := sha256.New(), make([]float32, info.SampleSize())
	hash.Write(labels)
	const most = 64
	for k := range min(info.N, most) {
		i := int32(k)
		if info.N > most {
			i = int32(int64(k) * int64(info.N-1) / (most - 1))
		}
		if err := s.Read(values, []int32{i}); err != nil {
			return "", err
		}
		hash.Write(bytesOf(values))
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// String returns a form such as "60000 images of builtin train (sha256 1f3a…)".
func (p *print) String() string {
	if p == nil {
		return "none"
	}
	return fmt.Sprintf("%d images of %s (sha256 %.8s…)", p.Images, p.Name, cmp.Or(p.SHA256, p.Some))
}

// same reports whether the images are the same, wherever they come from.
func (p *print) same(q *print) bool {
	if p == nil || q == nil {
		return p == q
	}
	if p.Images != q.Images || p.Shape != q.Shape {
		return false
	}
	if p.SHA256 != "" && q.SHA256 != "" {
		return p.SHA256 == q.SHA256
	}
	return p.Some == q.Some
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
