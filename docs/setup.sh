# Sourced by docs/demo.sh, tests/run.sh and .ci/run: everything a fresh machine needs.
#
#   require_libraries          Qt's system libraries and a virtual screen (installed as root, named otherwise)
#   make_environment EXTRAS    $PY: a Python with this package and EXTRAS installed
#
# UNETPP_PYTHON=/path/to/python   use that Python as it is and install nothing
# UNETPP_VENV=/path               where the environment is made (default: .venv in the checkout)

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

say() { printf '%s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# ------------------------------------------------------------------ system libraries

# What napari opens a window with, as "library Debian-package".
LIBRARIES="
libEGL.so.1 libegl1
libGL.so.1 libgl1
libgthread-2.0.so.0 libglib2.0-0
libdbus-1.so.3 libdbus-1-3
libfontconfig.so.1 libfontconfig1
libxkbcommon.so.0 libxkbcommon0
libxkbcommon-x11.so.0 libxkbcommon-x11-0
libX11-xcb.so.1 libx11-xcb1
libxcb-cursor.so.0 libxcb-cursor0
libxcb-icccm.so.4 libxcb-icccm4
libxcb-image.so.0 libxcb-image0
libxcb-keysyms.so.1 libxcb-keysyms1
libxcb-randr.so.0 libxcb-randr0
libxcb-render-util.so.0 libxcb-render-util0
libxcb-shape.so.0 libxcb-shape0
libxcb-xinerama.so.0 libxcb-xinerama0
libxcb-xkb.so.1 libxcb-xkb1
"

# Prints the packages that are missing; $1 = screen: a virtual screen and software OpenGL too.
missing_packages() {
  local known soname package
  known="$(/sbin/ldconfig -p 2>/dev/null || ldconfig -p)"
  while read -r soname package; do
    [ -z "$soname" ] || grep -qF "$soname " <<<"$known" || echo "$package"
  done <<<"$LIBRARIES"
  [ "${1:-}" = screen ] || return 0
  command -v Xvfb >/dev/null && command -v xauth >/dev/null || echo "xvfb xauth"
  grep -qE 'libGLX_mesa' <<<"$known" || echo "libglx-mesa0 libgl1-mesa-dri"
}

install_packages() {
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "Installing system packages: $*"
    local log
    log="$(apt-get update -qq 2>&1 &&
      DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" 2>&1)" ||
      fail "$log
apt-get could not install: $*"
  else
    fail "These system packages are missing: $*
On Debian or Ubuntu: sudo apt-get install $*
Elsewhere: install what your system calls them, then run this again."
  fi
}

has_screen() {
  case "$(uname -s)" in
    Linux) [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] ;;
    *) true ;;
  esac
}

# $1 = screen: also what a machine without a screen needs.
require_libraries() {
  [ "$(uname -s)" = Linux ] || return 0
  local missing
  missing="$(missing_packages "${1:-}"; missing_venv)"
  missing="$(tr '\n' ' ' <<<"$missing")"
  # shellcheck disable=SC2086  # a list of words
  [ -z "${missing// /}" ] || install_packages $missing
}

# ------------------------------------------------------------------ Python

find_python() {
  local name
  for name in python3.11 python3.12 python3.13 python3 python; do
    if command -v "$name" >/dev/null &&
      "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
      command -v "$name"
      return
    fi
  done
  fail "Python 3.11 or newer is needed; none was found."
}

# Debian ships Python without venv; then it comes from apt.
missing_venv() {
  local python
  [ -z "${UNETPP_PYTHON:-}" ] || return 0
  python="$(find_python)" && "$python" -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
}

environment_python() {
  local python
  for python in "$1/bin/python" "$1/Scripts/python.exe"; do
    [ -x "$python" ] && echo "$python" && return
  done
  return 1
}

# The stamp says what is installed; without it (first time, or an install that broke off) all is installed again.
make_environment() {
  local extras="$1" folder="${UNETPP_VENV:-$ROOT/.venv}" base stamp
  if [ -n "${UNETPP_PYTHON:-}" ]; then
    PY="$UNETPP_PYTHON"
    return
  fi
  base="$(find_python)" || exit 1
  stamp="$("$base" - "$ROOT" "$extras" <<'PYTHON'
import hashlib, pathlib, sys
root = pathlib.Path(sys.argv[1])
parts = [(root / name).read_bytes() for name in ("pyproject.toml", "tests/constraints.txt")]
print(hashlib.sha256(b"".join(parts)).hexdigest()[:16], sys.argv[2], "%d.%d" % sys.version_info[:2], root)
PYTHON
)"
  if PY="$(environment_python "$folder")" && "$PY" -c '' 2>/dev/null &&
    grep -qxF "$stamp" "$folder/installed" 2>/dev/null; then
    return
  fi
  say "Setting up Python in $folder (first time: several minutes, about 2 GB)"
  if ! { PY="$(environment_python "$folder")" && "$PY" -m pip --version >/dev/null 2>&1; }; then
    mkdir -p "$(dirname "$folder")"
    "$base" -m venv --clear "$folder" || fail "no environment could be made in $folder"
    PY="$(environment_python "$folder")"
  fi
  rm -f "$folder/installed"
  "$PY" -m pip install --quiet --disable-pip-version-check -c "$ROOT/tests/constraints.txt" -e "$ROOT[$extras]" >&2 ||
    fail "pip could not install the package."
  echo "$stamp" >"$folder/installed"
}
