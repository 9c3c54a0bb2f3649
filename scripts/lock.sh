#!/bin/sh
# Renews requirements.txt from pyproject.toml: exact versions and the hashes of PyPI's own files,
# for every supported platform, without index lines or download addresses. Needs uv.
set -eu
cd "$(dirname "$0")/.."
command -v "${UV:=uv}" >/dev/null || {
    echo "lock: uv is missing: install it, or name it: make lock UV=/path/to/uv" >&2
    exit 1
}
"$UV" lock --no-config --default-index https://pypi.org/simple --upgrade
"$UV" export --no-config --default-index https://pypi.org/simple --locked --all-groups --all-extras \
    --no-emit-project --no-header --no-annotate --quiet \
    --format requirements-txt --output-file requirements.txt
