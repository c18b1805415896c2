#!/usr/bin/env bash
# Opens napari on a shipped sample, segmented at all four depths; sets itself up on a machine with only Python.
# Without a screen the same happens under Xvfb, and demo/*.png show it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. docs/setup.sh

if has_screen; then require_libraries; else require_libraries screen; fi
make_environment all,test
"$PY" -m napari_unetpp demo "$@"
say "This was the demo. The environment is in $(dirname "$PY"): napari and napari-unetpp there start the window and the commands."
