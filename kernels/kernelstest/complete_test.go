package kernelstest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strings"
	"testing"

	"hourglass/kernels"
)

// TestEverySpecHasACase finds the Specs in the source of package kernels.
func TestEverySpecHasACase(t *testing.T) {
	tried := map[string]bool{}
	for _, c := range Cases() {
		tried[reflect.TypeOf(c.Spec).Name()] = true
	}
	specs := specTypes(t, "..")
	if !specs["Unary"] || !specs["Binary"] {
		t.Fatalf("found the Specs %v in package kernels, want Unary and Binary among them", specs)
	}
	for name := range specs {
		if !tried[name] {
			t.Errorf("kernels.%s has no case: add one to the file of its family", name)
		}
	}
}

// TestEveryFunctionHasACase finds the functions that no Unary or Binary tries.
func TestEveryFunctionHasACase(t *testing.T) {
	tried := map[kernels.Fn]bool{}
	for _, c := range Cases() {
		switch s := c.Spec.(type) {
		case kernels.Unary:
			tried[s.Fn] = true
		case kernels.Binary:
			tried[s.Fn] = true
		}
	}
	for _, f := range kernels.Fns() {
		if _, ok := functions[f]; !ok || !tried[f] {
			t.Errorf("function %v has no case: add it to functions in elementwise.go", f)
		}
	}
}

// TestCasesDiffer finds cases that are there twice: they would draw the same
// values.
func TestCasesDiffer(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Cases() {
		if _, err := kernels.Infer(c.Spec, c.In...); err != nil {
			t.Errorf("%v: %v", c, err)
		}
		if seen[c.String()] {
			t.Errorf("%v is there twice", c)
		}
		seen[c.String()] = true
	}
}

// specTypes returns the types of the package in dir that have the methods of a
// Spec.
func specTypes(t *testing.T, dir string) map[string]bool {
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	methods := map[string]int{}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), dir+"/"+f.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range tree.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv == nil {
				continue
			}
			switch fn.Name.Name {
			case "Name", "Infer", "Ref":
				methods[receiver(fn)]++
			}
		}
	}
	specs := map[string]bool{}
	for name, n := range methods {
		if n == 3 {
			specs[name] = true
		}
	}
	return specs
}

func receiver(fn *ast.FuncDecl) string {
	typ := fn.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	return typ.(*ast.Ident).Name
}
