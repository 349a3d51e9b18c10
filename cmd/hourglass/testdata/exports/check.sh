#!/bin/sh
# Has the exports of every model checked by the packages of requirements.txt, in an
# environment that it makes the first time. make test wants Go alone, so without
# Python, or without a network the first time, it says so and checks nothing.
set -eu
cd "$(dirname "$0")/../../../.."
venv=.venv-exports
want=cmd/hourglass/testdata/exports/requirements.txt

skip() {
	echo "make exports: SKIPPED, no export is checked by onnx and ONNX Runtime: $1" >&2
	exit 0
}

if ! cmp -s "$want" "$venv/requirements.txt"; then
	command -v python3 >/dev/null || skip "there is no python3 (on Debian and Ubuntu: apt install python3-venv)"
	rm -rf "$venv"
	python3 -m venv "$venv" || skip "python3 has no venv (on Debian and Ubuntu: apt install python3-venv)"
	"$venv/bin/pip" install -q --disable-pip-version-check --retries 1 -r "$want" ||
		skip "pip cannot install $want, see above; the first time it wants a network and Python 3.11 or later"
	cp "$want" "$venv/requirements.txt"
fi
HOURGLASS_EXPORTS_PYTHON="$PWD/$venv/bin/python" exec "${GO:-go}" test ./models/onnx ./cmd/hourglass -run InONNXRuntime -count=1
