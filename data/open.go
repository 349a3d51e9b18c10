package data

import (
	"fmt"
	"strconv"
	"strings"
)

// builtinSeed is the seed of the plain specifications "builtin" and "series".
const builtinSeed = 1

// specs tells a user what Open takes.
const specs = "builtin, builtin:seed=NUMBER, series, series:seed=NUMBER or mnist:DIR, any of them behind binary:"

// A SpecError tells that a specification names no data set.
type SpecError struct {
	Spec   string
	Reason string
}

// Error names the specification and says what is wanted in its place.
func (e *SpecError) Error() string { return fmt.Sprintf("data %q: %s", e.Spec, e.Reason) }

// Open returns the part of a data set that a specification names, complete:
//
//	builtin         28×28 grey digits drawn by this package: 60,000 and 10,000
//	builtin:seed=7  the same kind, other digits
//	series          windows [1 128 1] of a drawn time series, some of the test
//	                part's with anomalies, label 1
//	series:seed=7   the same kind, another series
//	mnist:DIR       MNIST's IDX files in the folder DIR, gzip or plain
//	binary:SPEC     the images of another specification with every value drawn
//	                as 0 or 255, see [Dataset.Binarized], with seed 1
//
// Anything else is a [*SpecError] that lists these.
func Open(spec string, split Split) (*Dataset, error) {
	d, err := OpenLazy(spec, split)
	if err != nil {
		return nil, err
	}
	d.Load()
	return d, nil
}

// OpenLazy is [Open], but the digits of "builtin" are not drawn yet: Pixels has
// its full length and is zero, Labels is complete. [Dataset.Need] draws the
// samples of a batch, [Dataset.Load] all of them; a run can take its first step
// before the set is there. Data sets that come from files are complete.
func OpenLazy(spec string, split Split) (*Dataset, error) {
	if split != Train && split != Test {
		return nil, fmt.Errorf("data: want split %d (train) or %d (test), got %d", Train, Test, int(split))
	}
	kind, rest, parameters := strings.Cut(spec, ":")
	switch {
	case kind == "builtin" || kind == "series":
		seed, err := uint64(builtinSeed), error(nil)
		if parameters {
			seed, err = parseSeed(kind, rest)
		}
		if err != nil {
			return nil, &SpecError{spec, err.Error()}
		}
		if kind == "series" {
			return openSeries(seed, split)
		}
		return builtin(seed, split), nil
	case kind == "binary" && rest != "":
		d, err := OpenLazy(rest, split)
		if err != nil {
			return nil, err
		}
		return d.Binarized(builtinSeed, split), nil
	case kind == "binary":
		return nil, &SpecError{spec, "want a data set behind the colon, as in binary:mnist:DIR"}
	case kind == "mnist" && rest != "":
		return readMNIST(rest, split)
	case kind == "mnist":
		return nil, &SpecError{spec, "want the folder of the IDX files, as in mnist:DIR"}
	}
	return nil, &SpecError{spec, "unknown data set; want " + specs}
}

// parseSeed reads "seed=NUMBER" behind a kind of data.
func parseSeed(kind, s string) (uint64, error) {
	name, value, _ := strings.Cut(s, "=")
	if name != "seed" {
		return 0, fmt.Errorf("want %s:seed=NUMBER, got %q after the colon", kind, s)
	}
	seed, err := strconv.ParseUint(value, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("want a seed from 0 to 18446744073709551615, got %q", value)
	}
	return seed, nil
}
