//go:build !unix

package emulated

// lock does nothing: the driver is built on Unix alone.
func lock(string) (unlock func(), err error) { return nil, ErrNoCompiler }
