package data

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A SpecError tells that a specification names no data set.
type SpecError struct {
	Spec   string
	Reason string
}

// Error names the specification and says what is wanted in its place.
func (e *SpecError) Error() string { return fmt.Sprintf("data %q: %s", e.Spec, e.Reason) }

// spec is a specification taken apart. Its methods read options; the first that
// is wrong stays in err, which a reader returns once it has read all of them.
type spec struct {
	text string // the whole
	kind string
	path string // behind the colon, for kinds that have one

	given map[string]string // options; "" for a switch
	err   error
}

// parseSpec takes KIND[:PATH][,KEY=VALUE]… apart. Kinds without a path have
// their options right behind the colon, and the rest of a wrapping kind is a
// specification of its own, left whole in path. A comma that belongs to a path
// or a value is written twice.
func parseSpec(text string) (*spec, kind, error) {
	name, rest, colon := strings.Cut(text, ":")
	s := &spec{text: text, kind: name, given: map[string]string{}}
	all := kinds()
	at := slices.IndexFunc(all, func(k kind) bool { return k.name == name })
	if at < 0 {
		return nil, kind{}, s.fail("unknown data set; want %s", forms(all))
	}
	k := all[at]
	if k.path != "" && rest == "" {
		return nil, k, s.fail("want %s behind the colon, as in %s", k.what, k.form())
	}
	if k.wraps {
		s.path = rest
		return s, k, nil
	}
	parts := cutCommas(rest)
	if k.path != "" {
		s.path, parts = parts[0], parts[1:]
		if s.path == "" {
			return nil, k, s.fail("want %s behind the colon, as in %s", k.what, k.form())
		}
	} else if !colon {
		parts = nil
	}
	for _, part := range parts {
		if err := s.take(part, k); err != nil {
			return nil, k, err
		}
	}
	return s, k, nil
}

// cutCommas cuts text at single commas; of two the one stays.
func cutCommas(text string) []string {
	parts := []string{""}
	for i := 0; i < len(text); i++ {
		last := &parts[len(parts)-1]
		switch {
		case text[i] != ',':
			*last += text[i : i+1]
		case i+1 < len(text) && text[i+1] == ',':
			*last += ","
			i++
		default:
			parts = append(parts, "")
		}
	}
	return parts
}

// take keeps an option that the kind knows.
func (s *spec) take(part string, k kind) error {
	key, value, hasValue := strings.Cut(part, "=")
	at := slices.IndexFunc(k.options, func(o string) bool { return optionKey(o) == key })
	if at < 0 {
		hint := ""
		if k.path != "" {
			hint = "; a comma that belongs to the path is written twice"
		}
		return s.fail("unknown option %q; want %s%s", part, k.usage(), hint)
	}
	if _, again := s.given[key]; again {
		return s.fail("option %s stands there twice", key)
	}
	if wants := strings.Contains(k.options[at], "="); wants != hasValue || wants && value == "" {
		return s.fail("option %q; want %s", part, k.usage())
	}
	s.given[key] = value
	return nil
}

// optionKey is what an option of a kind's table is called.
func optionKey(option string) string {
	key, _, _ := strings.Cut(option, "=")
	return key
}

// fail returns a *SpecError.
func (s *spec) fail(format string, args ...any) error {
	return &SpecError{s.text, fmt.Sprintf(format, args...)}
}

// wrong keeps the first fault of an option.
func (s *spec) wrong(key, want string) {
	if s.err == nil {
		s.err = s.fail("option %s: want %s, got %q", key, want, s.given[key])
	}
}

// has reports whether an option is given; of a switch, whether it is on.
func (s *spec) has(key string) bool {
	_, ok := s.given[key]
	return ok
}

// text returns an option as it is written.
func (s *spec) textOf(key, or string) string {
	if !s.has(key) {
		return or
	}
	return s.given[key]
}

// word returns an option that is one of several words.
func (s *spec) word(key, or string, of ...string) string {
	value := s.textOf(key, or)
	if s.has(key) && !slices.Contains(of, value) {
		s.wrong(key, strings.Join(of, " or "))
	}
	return value
}

// whole returns an option that is a whole number from low to high.
func (s *spec) whole(key string, or, low, high int) int {
	if !s.has(key) {
		return or
	}
	n, err := strconv.Atoi(s.given[key])
	if err != nil || n < low || n > high {
		s.wrong(key, fmt.Sprintf("a whole number from %d to %d", low, high))
		return or
	}
	return n
}

// number returns an option that is a number from low to high, which may be
// infinite.
func (s *spec) number(key string, or, low, high float64) float64 {
	if !s.has(key) {
		return or
	}
	v, err := strconv.ParseFloat(s.given[key], 64)
	if err != nil || !(v >= low && v <= high) || math.IsInf(v, 0) {
		s.wrong(key, fmt.Sprintf("a number from %g to %g", low, high))
		return or
	}
	return v
}

// seed returns the option seed.
func (s *spec) seed(or uint64) uint64 {
	if !s.has("seed") {
		return or
	}
	n, err := strconv.ParseUint(s.given["seed"], 10, 64)
	if err != nil {
		s.wrong("seed", "a whole number from 0 to 18446744073709551615")
		return or
	}
	return n
}
