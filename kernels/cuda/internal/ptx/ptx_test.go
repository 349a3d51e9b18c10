package ptx

import "testing"

func TestCompiledKernelsAreThoseOfTheirSources(t *testing.T) {
	for _, dir := range []string{"../..", "../../emulated/testdata"} {
		if err := Check(dir); err != nil {
			t.Error(err)
		}
	}
}
