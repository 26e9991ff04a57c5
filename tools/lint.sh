#!/bin/sh
# Every check that is not a test. All of them run, so that one look shows all that is to do.
# The Django checks run with settings as in production; they ask no database and no network.
set -u
cd "$(dirname "$0")/.." || exit 1
bin=.venv/bin
failed=""

check() {
    name=$1
    shift
    if "$@"; then
        echo "ok    $name"
    else
        echo "FAIL  $name"
        failed="$failed $name"
    fi
}

production() {
    env DEBUG=false \
        SECRET_KEY=only-for-the-checks-of-make-lint-0123456789-abcdefghijklmnop \
        PUBLIC_BASE_URL=https://omega.example.com \
        ALLOWED_HOSTS=omega.example.com \
        DATABASE_URL=postgres://nobody@127.0.0.1:1/none \
        REDIS_URL=redis://127.0.0.1:1/0 \
        TWILIO_ACCOUNT_SID=AC00000000000000000000000000000000 \
        TWILIO_AUTH_TOKEN=00000000000000000000000000000000 \
        SENDGRID_API_KEY=SG.none.none \
        INBOUND_EMAIL_DOMAIN=inbound.example.com \
        INBOUND_EMAIL_BASIC_AUTH=sendgrid:only-for-the-checks \
        PYTHONWARNINGS=ignore::RuntimeWarning \
        "$@"
}

django() {
    production $bin/python manage.py "$@"
}

upgraded() {
    git ls-files '*.py' | xargs $bin/django-upgrade --target-version 5.2 --check
}

# Fixtures are others' pages, kept byte by byte.
templates() {
    [ -z "$(git ls-files '*.html' ':!tests' ':!sandbox')" ] || {
        git ls-files '*.html' ':!tests' ':!sandbox' | xargs $bin/djlint --lint --quiet &&
            git ls-files '*.html' ':!tests' ':!sandbox' | xargs $bin/djlint --check --quiet
    }
}

# drf-spectacular checks what it wrote by its own rules; the other validator by those of OpenAPI 3.1.
openapi() {
    document=$(mktemp)
    django spectacular --validate --fail-on-warn --file "$document" && $bin/openapi-spec-validator "$document"
    found=$?
    rm -f "$document"
    return $found
}

check "ruff check" $bin/ruff check --quiet .
check "ruff format" $bin/ruff format --check --quiet .
check "django-upgrade" upgraded
check "mypy" production $bin/mypy
check "import-linter" $bin/lint-imports --no-logo
check "djlint" templates
check "migrations" django makemigrations --check --dry-run
check "check --deploy" django check --deploy --fail-level WARNING
check "OpenAPI schema" openapi

[ -z "$failed" ] || {
    echo "make lint found something:$failed"
    exit 1
}
