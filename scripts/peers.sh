#!/bin/sh
# Makes .peers/medallion and .peers/opentaxii: each TAXII server that `make bench` measures beside
# ours, from PyPI, in an environment of its own. Does nothing where that has been done for the
# present list of packages. Ends with 1 when pip could not install one of them.
set -eu
cd "$(dirname "$0")/.."

failed=0
for peer in medallion opentaxii; do
    list=benches/peers-$peer.txt
    venv=.peers/$peer
    stamp=$venv/ringwall-peer
    wanted=$(cksum <"$list")
    [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && continue
    echo "peers: making $venv" >&2
    rm -rf "$venv"
    mkdir -p .peers
    if .venv/bin/python -m venv "$venv" &&
        "$venv/bin/python" -m pip install -qq --disable-pip-version-check -r "$list"; then
        printf '%s\n' "$wanted" >"$stamp"
    else
        echo "peers: $peer could not be installed; pip's own message is above" >&2
        failed=1
    fi
done
exit $failed
