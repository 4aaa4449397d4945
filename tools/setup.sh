#!/usr/bin/env bash
# Set-up steps for the Makefile and CI. Each says in one line what it does and is silent otherwise, unless
# it fails. Run from the repository's root:
#   tools/setup.sh debian PACKAGE...     install missing Debian packages
#   tools/setup.sh requirements          create .venv with everything in requirements.lock
#   tools/setup.sh package               install this project into .venv, editable
#   tools/setup.sh wheel VERSION FOLDER  unpack one tflite-micro wheel into FOLDER
set -euo pipefail

PYTHON=${PYTHON:-python3.11}
export PIP_DISABLE_PIP_VERSION_CHECK=1 DEBIAN_FRONTEND=noninteractive

say() { printf '[setup] %s\n' "$*"; }
fail() { printf '[setup] error: %s\n' "$*" >&2; exit 1; }

# Runs a command and shows its output only if it fails.
quietly() {
  local log
  log=$(mktemp)
  "$@" >"$log" 2>&1 </dev/null || { cat "$log" >&2; rm -f "$log"; fail "failed: $*"; }
  rm -f "$log"
}

debian() {
  local package missing=()
  if ! command -v dpkg-query >/dev/null; then
    say "not Debian: assuming that these are installed: $*"
    return
  fi
  for package in "$@"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true) == installed ]] ||
      missing+=("$package")
  done
  [[ ${#missing[@]} -gt 0 ]] || return 0
  [[ $(id -u) == 0 ]] || fail "these Debian packages are missing; as root: apt-get install ${missing[*]}"
  say "installing Debian packages: ${missing[*]}"
  # The package lists of a fresh container are empty and those of an old one may name files that are gone.
  apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null 2>&1 </dev/null && return
  quietly apt-get update -qq
  quietly apt-get install -qq -y --no-install-recommends "${missing[@]}"
}

requirements() {
  command -v "$PYTHON" >/dev/null ||
    fail "$PYTHON not found: Python 3.11 is needed (PYTHON=<path> names another one)"
  [[ $("$PYTHON" -c 'import sys; print(sys.version_info[:2] == (3, 11))') == True ]] ||
    fail "$PYTHON is $("$PYTHON" --version); tflite-support needs Python 3.11"
  "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null || debian python3-venv
  if [[ ! -x .venv/bin/pip ]]; then
    say "creating .venv"
    quietly "$PYTHON" -m venv --clear .venv
  fi
  say "installing the packages of requirements.lock into .venv (a few minutes the first time)"
  quietly .venv/bin/pip install --requirement requirements.lock
}

package() {
  say "building tflm_tinyprop's plugin and installing the package into .venv, editable"
  # Everything it needs comes from requirements.lock; `pip check` notices if pyproject.toml asks for more.
  quietly .venv/bin/pip install --no-build-isolation --no-deps --editable .
  quietly .venv/bin/pip check
}

wheel() {
  say "unpacking tflite-micro $1"
  rm -rf "$2"
  quietly .venv/bin/pip install --no-deps --target "$2" "tflite-micro==$1"
}

case ${1:-} in
  debian | requirements | package | wheel) "$@" ;;
  *) fail "usage: tools/setup.sh debian|requirements|package|wheel ..." ;;
esac
