//go:build unix

package main

import (
	"os"
	"strconv"
	"syscall"
)

// fileLimitEnv limits the files that hourglass writes to so many bytes.
const fileLimitEnv = "HOURGLASS_TEST_FILE_LIMIT"

// limitFiles makes writes beyond the limit fail, as on a full disk.
func limitFiles() {
	limit, err := strconv.ParseUint(os.Getenv(fileLimitEnv), 10, 64)
	if err != nil {
		return // no limit is asked for
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
		panic(err)
	}
}
