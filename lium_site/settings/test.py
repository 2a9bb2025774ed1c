"""Settings of the test run: safe defaults for every secret, fast password hashes, mail in memory."""

import os

os.environ.setdefault("MARKET_SECRET_KEY", "test-only-secret-key-of-no-value-0123456789-0123456789")
os.environ.setdefault("MARKET_FIELD_KEYS", "SNgmd1GuTcuWGxcHhmm2lfb2Us5jSvIhZ1xA0GcTRbM=")
os.environ.setdefault("MARKET_INSTANCE", "test")
os.environ.setdefault("DATABASE_URL", "postgresql://localhost/lium")
os.environ.setdefault("REDIS_URL", "redis://localhost:6379/9")
os.environ.setdefault("MARKET_ALLOWED_HOSTS", "testserver,127.0.0.1,localhost")
# Tests run on several workers at once: each has a database of its own in Redis too.
if worker := os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw"):
    separator = "&" if "?" in os.environ["REDIS_URL"] else "?"
    os.environ["REDIS_URL"] += f"{separator}db={int(worker) + 1}"

from lium_site.settings.base import *  # noqa: F403
from lium_site.settings.base import CACHES, DATABASES

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
# The pool's threads outlive a test database; a plain connection closes with it.
DATABASES["default"]["OPTIONS"].pop("pool", None)
# `./market test` has migrated the database itself: every worker begins with a copy of it.
if os.environ.get("MARKET_TEST_TEMPLATE"):
    DATABASES["default"]["TEST"] = {"TEMPLATE": DATABASES["default"]["NAME"]}
# Redis shares two cores with all workers: no test shall fail because it took half a second.
CACHES["default"]["OPTIONS"] = {"socket_timeout": 10, "socket_connect_timeout": 10}
# Otherwise each test client reads every static file there is before its first request.
WHITENOISE_AUTOREFRESH = True
