package main

import (
	"fmt"
	"strings"
)

// declaration returns the loop's Go declaration with slices in place of
// pointers, and its arguments in a call of the portable version.
func (l *loop) declaration() (declaration, call string) {
	slices := strings.Join(append(append([]string{}, l.results...), l.arguments...), ", ")
	declaration, call = fmt.Sprintf("func %s(%s []float32", l.name, slices), slices
	if len(l.constants) > 0 {
		constants := strings.Join(l.constants, ", ")
		declaration += ", " + constants + " float32"
		call += ", " + constants
	}
	return declaration + ")", call
}

// dispatch returns the functions that choose a loop by the tier.
func dispatch() string {
	var b strings.Builder
	b.WriteString("//go:build !purego\n\npackage simd\n\nimport \"unsafe\"\n")
	for _, l := range loops {
		declaration, call := l.declaration()
		var pointers []string
		for _, s := range append(append([]string{}, l.results...), l.arguments...) {
			pointers = append(pointers, "unsafe.SliceData("+s+")")
		}
		args := strings.Join(append(append(pointers, fmt.Sprintf("len(%s)", l.results[0])), l.constants...), ", ")
		fmt.Fprintf(&b, `
%s {
	if tier == AVX512 {
		%sAVX512(%s)
	} else if tier == AVX2 {
		%sAVX2(%s)
	} else {
		%sGeneric(%s)
	}
}
`, declaration, l.name, args, l.name, args, l.name, call)
	}
	return b.String()
}

// portable returns the same functions for builds without assembly.
func portable() string {
	var b strings.Builder
	b.WriteString("//go:build !amd64 || purego\n\npackage simd\n")
	for _, l := range loops {
		declaration, call := l.declaration()
		fmt.Fprintf(&b, "\n%s { %sGeneric(%s) }\n", declaration, l.name, call)
	}
	return b.String()
}
