#!/bin/bash
# SPDX-License-Identifier: ISC
# The benchmarks measure: each driver in its shortest form, on an emulated link. Bytes arrive, and what is kept is
# complete; how fast it was is not asked.
#
#   test/bench/test-smoke.sh
#
# Needs root, make bench-programs, and: test/packages.sh lab bench
cd "$(dirname "$0")/../.." || exit 1
PYTHON=/usr/bin/python3
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT

"$PYTHON" test/bench/run.py all --smoke --parallel 6 --output "$folder/results.json" >"$folder/said" 2>&1
status=$?
sed 's/^/# /' "$folder/said"
"$PYTHON" test/bench/smoke_check.py "$folder/results.json" "$status"
