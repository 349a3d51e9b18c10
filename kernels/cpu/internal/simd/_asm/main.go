// Command asm writes the assembly of package simd, with its Go declarations,
// into the folder above: one .s and one .go file for each list of kernels and
// instruction set. Run it by `go generate` in that folder.
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
)

// outputs are the generated files: NAME_ISA_amd64.s and .go.
var outputs = []struct {
	name  string
	write func(*asm)
	// extra is Go source appended to the declarations, such as a switch over
	// the tile shapes.
	extra func(isa) string
}{
	{"gemm", gemm, gemmSwitch},
	{"dot", dot, dotSwitch},
}

func main() {
	for _, out := range outputs {
		for _, set := range []isa{avx512, avx2} {
			if err := generate(fmt.Sprintf("%s_%s_amd64", out.name, set.file), set, out.write, out.extra); err != nil {
				fmt.Fprintln(os.Stderr, "asm:", err)
				os.Exit(1)
			}
		}
	}
}

func generate(file string, set isa, write func(*asm), extra func(isa) string) error {
	ctx := build.NewContext()
	ctx.ConstraintExpr("!purego")
	write(&asm{Context: ctx, isa: set})
	result, err := ctx.Result()
	if err != nil {
		return err
	}
	if err := pass.Compile.Execute(result); err != nil {
		return err
	}
	cfg := printer.Config{Argv: []string{"go", "generate"}, Name: "avo", Pkg: "simd"}
	for _, p := range []struct {
		ext   string
		print printer.Printer
		extra string
	}{
		{".s", printer.NewGoAsm(cfg), ""},
		{".go", printer.NewStubs(cfg), extra(set)},
	} {
		text, err := p.print.Print(result)
		if err != nil {
			return err
		}
		text = append(bytes.TrimRight(text, "\n"), '\n')
		if err := os.WriteFile(filepath.Join("..", file+p.ext), append(text, p.extra...), 0o644); err != nil {
			return err
		}
	}
	return nil
}
