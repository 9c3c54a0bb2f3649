#!/bin/sh
# Makes .venv with everything in requirements.txt (hash-checked) and Ringwall itself, editable.
# Does nothing when that has been done for the present requirements.txt and pyproject.toml.
# Says plainly what is missing when it cannot. PYTHON=... chooses the interpreter.
set -eu
cd "$(dirname "$0")/.."

venv=.venv
stamp=$venv/ringwall-setup

stop() {
    printf 'setup: %s\n' "$@" >&2
    exit 1
}

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        new_enough "$PYTHON" || stop "PYTHON=$PYTHON is not a working Python 3.11 or newer."
        echo "$PYTHON"
        return
    fi
    for candidate in python3 python3.13 python3.12 python3.11 python3.14 python; do
        if new_enough "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    stop "Python 3.11 or newer is missing." \
        "Install it (Debian, Ubuntu: apt-get install python3 python3-venv), or name one: make setup PYTHON=/path/to/python3.11"
}

case "$(uname -s)" in
    Linux | Darwin) ;;
    *) stop "$(uname -s) is not supported: Ringwall runs on Linux and macOS (on Windows: inside WSL)." ;;
esac

wanted=$(cat requirements.txt pyproject.toml scripts/setup.sh | cksum)
if [ -x "$venv/bin/ringwall" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
    exit 0
fi

python=$(find_python)
if ! [ -x "$venv/bin/python" ] || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    "$python" -c 'import venv, ensurepip' >/dev/null 2>&1 ||
        stop "$python has no venv or ensurepip module." \
            "Install it (Debian, Ubuntu: apt-get install python3-venv)."
    echo "setup: making $venv with $("$python" --version)" >&2
    "$python" -m venv --clear "$venv"
fi

install() {
    "$venv/bin/python" -m pip install -qq --disable-pip-version-check --no-build-isolation "$@"
}

install_pinned() {
    install --require-hashes -r "$1" ||
        stop "pip could not install the pinned packages; its own message is above." \
            "No network or name resolution: connect, or point pip at a mirror (PIP_INDEX_URL)." \
            "\"No matching distribution\": a package has no file for this platform ($(uname -sm), $("$venv/bin/python" --version)); supported are CPython 3.11 to 3.14 on Linux (x86-64, ARM64, glibc) and macOS (ARM64)." \
            "\"Hashes do not match\": the mirror served another file than the one that was pinned."
}

# Two pinned packages exist as source only. Their builder is installed first, from its pinned
# hash, so that pip has no reason to fetch an unpinned one.
echo "setup: installing the pinned packages" >&2
awk '/^setuptools==/ { on = 1 } on { print } on && !/\\$/ { exit }' requirements.txt \
    >"$venv/builder.txt"
install_pinned "$venv/builder.txt"
install_pinned requirements.txt
install --no-deps --editable . || stop "pip could not install Ringwall itself; its message is above."
printf '%s\n' "$wanted" >"$stamp"
echo "setup: done, $venv/bin/ringwall is ready" >&2
