#!/bin/sh
# Clients out of the OpenAPI document: a Python package and TypeScript types, as a team on the other side makes them.
#   tools/clients.sh python DOCUMENT FOLDER      the package FOLDER (its parent goes on the path)
#   tools/clients.sh typescript DOCUMENT FILE    the types, compiled once to see that they hold
#   tools/clients.sh all FOLDER                  document, package and types in FOLDER
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
PATH="$root/.venv/bin:$PATH" # the Python generator calls ruff

python_client() {
    openapi-python-client generate --path "$1" --output-path "$2" --meta none --overwrite --fail-on-warning
}

# npm's own notices say nothing of ours.
typescript_types() {
    NPM_CONFIG_LOGLEVEL=error npx --yes --package openapi-typescript@7.13.0 --package typescript@5.9.3 \
        --call "openapi-typescript '$1' --output '$2' && tsc --noEmit --strict '$2'"
}

case "${1:-}" in
    python) python_client "$2" "$3" ;;
    typescript) typescript_types "$2" "$3" ;;
    all)
        mkdir -p "$2"
        folder=$(cd "$2" && pwd)
        # The document needs neither server; naming them keeps the embedded ones asleep.
        (cd "$root" && DEBUG=true DATABASE_URL=postgres://nobody@127.0.0.1:1/none REDIS_URL=redis://127.0.0.1:1/0 \
            python manage.py spectacular --validate --fail-on-warn --file "$folder/openapi.yaml")
        python_client "$folder/openapi.yaml" "$folder/omega_client"
        typescript_types "$folder/openapi.yaml" "$folder/omega.ts"
        ;;
    *)
        sed -n 's/^#   //p' "$0" >&2
        exit 2
        ;;
esac
