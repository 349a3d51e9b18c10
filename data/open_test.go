package data

import (
	"errors"
	"testing"
)

// TestSpecError separates a specification that names nothing from one whose
// files are not there.
func TestSpecError(t *testing.T) {
	for _, spec := range []string{"", "cifar", "builtin:", "builtin:size=3", "builtin:seed=-1", "mnist", "mnist:"} {
		_, err := OpenLazy(spec, Train)
		var fault *SpecError
		if !errors.As(err, &fault) || fault.Spec != spec {
			t.Errorf("OpenLazy(%q): %v, want a SpecError of it", spec, err)
		}
	}
	_, err := OpenLazy("mnist:"+t.TempDir(), Train)
	var fault *SpecError
	if err == nil || errors.As(err, &fault) {
		t.Errorf("an empty folder: %v, want an error that is no SpecError", err)
	}
}
