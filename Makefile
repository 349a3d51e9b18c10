# Everything here wants Go and, for golden, Python. The tools are Go modules of
# exact versions, fetched on first use.

GO          ?= go
STATICCHECK  = honnef.co/go/tools/cmd/staticcheck@v0.7.0
# Packages whose tests take seconds under the race detector, which slows
# arithmetic tenfold.
RACE         = ./data/... ./kernels/cpu ./models/export ./models/train
RACEFLAGS    = -short

.PHONY: build test check generate golden bench kernels

build:             ## the command, in this folder
	CGO_ENABLED=0 $(GO) build -trimpath ./cmd/hourglass

test: check        ## everything, on this processor's kernels and on portable ones
	$(GO) test ./...
	$(GO) test -tags purego ./...
	$(GO) test -race $(RACEFLAGS) $(RACE)

check:             ## format and static analysis
	@files=$$(gofmt -l .); test -z "$$files" || { echo "gofmt would change: $$files"; exit 1; }
	$(GO) vet ./...
	$(GO) vet -tags purego ./...
	$(GO) run $(STATICCHECK) ./...

generate:          ## the assembly, from kernels/cpu/internal/simd/_asm
	$(GO) generate ./kernels/cpu/internal/simd

golden:            ## PyTorch's numbers, in an environment of their own
	python3 -m venv .venv
	.venv/bin/pip install -q torch==2.15.0 numpy safetensors
	.venv/bin/python models/testdata/gen.py

bench: build       ## speed beside PyTorch, ONNX Runtime, Gorgonia and gomlx
	python3 -m venv .venv
	.venv/bin/pip install -q -r bench/peers/requirements.txt
	$(GO) build -o .venv/bin/hourglass-peer-gorgonia ./bench/peers/gorgonia
	-$(GO) build -C bench/peers/gomlx -o $(CURDIR)/.venv/bin/hourglass-peer-gomlx .
	./hourglass bench --peers .venv --results bench/results $(BENCHFLAGS)

kernels:           ## the kernels alone
	$(GO) test -run '^$$' -bench . ./kernels/... ./data
