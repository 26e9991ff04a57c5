#!/bin/sh
# Writes requirements.lock anew: every package that requirements.txt asks for, and what these ask for, by version and hash.
# uv works it out, in a folder of its own, for every Python and system that omega runs on.
set -eu
cd "$(dirname "$0")/.."
home=${OMEGA_HOME:-.omega}/lock
mkdir -p "$home"
if [ ! -x "$home/bin/uv" ]; then
    .venv/bin/python -m venv "$home"
    "$home/bin/python" -m pip install --quiet --disable-pip-version-check "uv>=0.9,<1"
fi
made=$home/requirements.lock
[ ! -f requirements.lock ] || cp requirements.lock "$made"
"$home/bin/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
    --no-emit-index-url "$@" requirements.txt --output-file "$made"
{
    # shellcheck disable=SC2016
    echo '# Everything that omega runs on, by version and hash: `make lock` writes it from requirements.txt.'
    grep -v '^# Everything' "$made"
} >requirements.lock
