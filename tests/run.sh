#!/usr/bin/env bash
# All tests, on a machine with nothing but Python: sets itself up, then runs pytest with the arguments given.
# UNETPP_DATA names the folder with the labelled images; tests that need it are skipped without it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. docs/setup.sh

require_libraries screen
make_environment all,test
# Two processes at once, each with its own screen; the tests of a file stay together. A process that crashes is
# not replaced: with `loadfile` pytest-xdist 3.8 would wait for ever (pytest-dev/pytest-xdist#1378).
exec "$PY" -m pytest -n 2 --dist loadfile --max-worker-restart 0 "$@"
