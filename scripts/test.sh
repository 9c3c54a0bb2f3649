#!/bin/sh
# Every check, in the order of their cost, and one summary. `lint` leaves the test suite out.
# All of them run even if one fails, so that one run shows everything that is wrong.
set -eu
cd "$(dirname "$0")/.."
PATH=$PWD/.venv/bin:$PATH
# Sets have the same order in every process of the suite, or each would collect other tests.
PYTHONHASHSEED=${PYTHONHASHSEED:-0}
export PATH PYTHONHASHSEED

summary=
failed=0

check() {
    name=$1
    shift
    started=$(date +%s)
    echo "== $name"
    if "$@"; then verdict=ok; else verdict=FAILED failed=1; fi
    summary=$summary$(printf '%-10s %-7s %4d s' "$name" "$verdict" "$(($(date +%s) - started))")'
'
}

check style ruff check --quiet .
check format ruff format --check --quiet .
check types mypy --no-error-summary
check arrows lint-imports --no-logo
[ "${1:-}" = lint ] || check tests pytest -q -n auto --maxprocesses 4 --dist loadfile --durations=10

printf '\n== summary\n%s' "$summary"
exit $failed
