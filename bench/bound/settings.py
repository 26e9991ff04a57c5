"""omega's settings for the bounds: the same database and REST framework, hardly a middleware, URLs of their own."""

from omega_project.settings import *  # noqa: F403 - all of them but two

# It says Content-Length, so that the server need not send in chunks.
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
ROOT_URLCONF = "bench.bound.urls"
