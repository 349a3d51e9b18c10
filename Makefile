# Everything here wants Go and, for golden, Python. The tools are Go modules of
# exact versions, fetched on first use.

GO          ?= go
STATICCHECK  = honnef.co/go/tools/cmd/staticcheck@v0.7.0
# Packages whose tests take seconds under the race detector, which slows
# arithmetic tenfold.
RACE         = ./data/... ./kernels/cpu ./models/export ./models/train
RACEFLAGS    = -short
MNIST       ?= data/mnist

# What a build for GPUs wants: our cuda.h, and an empty library in place of the
# driver's, which the binary opens when it runs.
GPU          = CGO_ENABLED=1 CGO_CFLAGS="-O2 -I$(CURDIR)/kernels/cuda/include" CGO_LDFLAGS="-L$(CURDIR)/.gpu"
GPUTESTS     = ./models ./models/train ./cmd/hourglass

.PHONY: build gpu test testgpu check exports generate golden bench quality tour kernelbench kernels

build:             ## the command, in this folder
	CGO_ENABLED=0 $(GO) build -trimpath ./cmd/hourglass

gpu: .gpu/libcuda.a ## the command with CUDA, by gcc and Go alone
	$(GPU) $(GO) build -tags gpu -trimpath ./cmd/hourglass

.gpu/libcuda.a:
	@mkdir -p .gpu && printf '!<arch>\n' > $@

test: check        ## everything, on this processor's kernels and on portable ones
	$(GO) test ./...
	$(GO) test -tags purego ./...
	$(GO) test -race $(RACEFLAGS) $(RACE)
	$(GO) run ./bench/quality --quick
	@$(MAKE) --no-print-directory exports
	@if command -v gcc >/dev/null && command -v g++ >/dev/null; then $(MAKE) --no-print-directory testgpu; \
	else echo "skipped: make testgpu, the CUDA build and its tests on an emulated driver: there is no gcc or no g++"; fi

testgpu: .gpu/libcuda.a ## the CUDA build, and its kernels on an emulated driver
	$(GPU) $(GO) vet -tags gpu ./kernels/cuda/... $(GPUTESTS)
	$(GPU) $(GO) test -tags gpu ./kernels/cuda/...
	$(GPU) $(GO) test -tags gpu -run 'CUDA|GPU|Golden' $(GPUTESTS)

check:             ## format and static analysis
	@files=$$(gofmt -l .); test -z "$$files" || { echo "gofmt would change: $$files"; exit 1; }
	$(GO) vet ./...
	$(GO) vet -tags purego ./...
	$(GO) run $(STATICCHECK) ./...

exports:           ## what other programs make of exports, in an environment of their own
	@GO="$(GO)" cmd/hourglass/testdata/exports/check.sh

generate:          ## the assembly, from kernels/cpu/internal/simd/_asm
	$(GO) generate ./kernels/cpu/internal/simd

golden:            ## PyTorch's and scikit-learn's numbers, in an environment of their own
	python3 -m venv .venv
	.venv/bin/pip install -q torch==2.15.0 numpy==2.4.6 safetensors scipy==1.17.1 scikit-learn==1.9.1 scikit-image==0.26.0
	.venv/bin/python models/testdata/gen.py
	.venv/bin/python models/metrics/testdata/gen.py
	.venv/bin/python models/tasks/testdata/gen.py
	HOURGLASS_TORCH_PYTHON=.venv/bin/python $(GO) test ./cmd/hourglass -run TestExportsInPyTorch -count=1 -v

tour: build        ## every command on real files, into tour/index.md; DATA=mnist:FOLDER
	$(GO) run ./bench/tour --hourglass ./hourglass --out tour $(if $(DATA),--data $(DATA)) $(TOURFLAGS)

quality:           ## what the models reach, into bench/quality.md; MNIST=FOLDER
	$(GO) run ./bench/quality --mnist $(MNIST) $(QUALITYFLAGS)

bench: build       ## speed beside PyTorch, ONNX Runtime, Gorgonia and gomlx
	python3 -m venv .venv
	.venv/bin/pip install -q -r bench/peers/requirements.txt
	$(GO) build -o .venv/bin/hourglass-peer-gorgonia ./bench/peers/gorgonia
	-$(GO) build -C bench/peers/gomlx -o $(CURDIR)/.venv/bin/hourglass-peer-gomlx .
	./hourglass bench --peers .venv --results bench/results $(BENCHFLAGS)

kernels:           ## CUDA kernels that changed, by nvcc in an environment of its own
	$(GO) run ./kernels/cuda/compile kernels/cuda kernels/cuda/emulated/testdata

kernelbench:       ## the speed of the CPU's kernels alone
	$(GO) test -run '^$$' -bench . ./kernels/... ./data
