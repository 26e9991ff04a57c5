#!/bin/sh
# Is anything that is installed known to be vulnerable? Asks osv.dev, by pip-audit in a folder of its own, so that what
# it needs does not mix with what omega runs on. Ends with 1 where something was found, with 2 where nobody could be asked.
set -u
cd "$(dirname "$0")/.." || exit 2
home=${OMEGA_HOME:-.omega}/audit
mkdir -p "$home"

if [ ! -x "$home/bin/pip-audit" ]; then
    .venv/bin/python -m venv "$home" && "$home/bin/python" -m pip install --quiet --disable-pip-version-check \
        "pip-audit>=2.10,<3" || { echo "pip-audit cannot be installed here."; exit 2; }
fi
.venv/bin/python -m pip freeze --exclude-editable >"$home/installed.txt" || exit 2
"$home/bin/pip-audit" --vulnerability-service osv --no-deps --disable-pip --progress-spinner off \
    --requirement "$home/installed.txt" >"$home/report.txt" 2>&1
found=$?
if [ $found -eq 0 ] || grep -q "Found .* known vulnerabilit" "$home/report.txt"; then
    cat "$home/report.txt"
    exit $found
fi
tail -n 1 "$home/report.txt"
echo "The database of vulnerabilities could not be asked; docs/security.md tells the routine without it."
exit 2
