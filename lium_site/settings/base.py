"""Settings, all from the environment (docs/settings.md). Each line that differs from Django's default has its reason."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from csp.constants import NONE, SELF
from django.templatetags.static import static

from lium_site.logs import configure as configure_logs
from lium_site.settings import env

BASE_DIR = Path(__file__).resolve().parents[2]
STATE_DIR = Path(env.text("MARKET_STATE", str(BASE_DIR / ".market")))

SECRET_KEY = env.text("MARKET_SECRET_KEY")
FIELD_KEYS = env.words("MARKET_FIELD_KEYS")
DEBUG = env.boolean("MARKET_DEBUG", False)
PUBLIC_URL = env.text("MARKET_PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/")
SECURE = PUBLIC_URL.startswith("https://")
ALLOWED_HOSTS = env.words(
    "MARKET_ALLOWED_HOSTS", f"{urlsplit(PUBLIC_URL).hostname},127.0.0.1,localhost"
)
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.usersessions",
    "channels",
    "csp",
    "django_htmx",
    "ninja",
    "template_partials",
    "accounts",
    "billing",
    "marketplace",
    "rentals",
    "validation",
    "lium_site",
]

MIDDLEWARE = [
    "lium_site.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "lium_site.middleware.ContentPolicyMiddleware",
    "lium_site.page_middleware.PageSession",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "lium_site.page_middleware.PageUser",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "lium_site.page_middleware.PageMessages",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "lium_site.middleware.SignInMiddleware",
    "lium_site.middleware.RefusalMiddleware",
]

ROOT_URLCONF = "lium_site.urls"
WSGI_APPLICATION = "lium_site.wsgi.application"
ASGI_APPLICATION = "lium_site.asgi.application"
# The client follows redirects by re-sending a POST as a GET: a slash is never appended.
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "lium_site.context.market",
            ],
        },
    }
]

DATABASES = {"default": dj_database_url.parse(env.text("DATABASE_URL"))}
# A pool, because a new connection costs more than the query of a page; threads of the web process share it.
DATABASES["default"].setdefault("OPTIONS", {})["pool"] = {
    "min_size": 1,
    "max_size": env.integer("MARKET_DATABASE_POOL", 16),
    "timeout": 10,
}
# Django switches prepared statements off; those that ask for it by name (the catalogue's list) would be planned each time.
DATABASES["default"]["OPTIONS"]["prepare_threshold"] = 5
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = env.text("REDIS_URL")
CACHES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "core.lenient_cache.LenientRedisCache", "LOCATION": REDIS_URL},
}

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_REDIRECT_URL = "/pods"
LOGIN_URL = "/accounts/login/"
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
# Optional: an API sign-up works before its address is verified; the page shows a reminder.
ACCOUNT_EMAIL_VERIFICATION = "optional"
ACCOUNT_LOGOUT_ON_GET = False
# Ours hold on every way to an account (accounts.limits); allauth's know the pages alone, and its own cache's failures.
ACCOUNT_RATE_LIMITS = False
ACCOUNT_FORMS = {
    "signup": "accounts.allauth_forms.SignupForm",
    "add_email": "accounts.allauth_forms.AddEmailForm",
    "change_password": "accounts.allauth_forms.ChangePasswordForm",
    "reset_password": "accounts.allauth_forms.ResetPasswordForm",
    "reset_password_from_key": "accounts.allauth_forms.ResetPasswordKeyForm",
}
USERSESSIONS_TRACK_ACTIVITY = False
EMAIL_BACKEND = env.text("MARKET_EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend")
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text("MARKET_FROM_EMAIL", "lium_site <noreply@localhost>")

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
# A first try serves the source files; production collects them and names the folder.
STATIC_ROOT = env.text("MARKET_STATIC_ROOT", "") or None
WHITENOISE_USE_FINDERS = STATIC_ROOT is None
WHITENOISE_AUTOREFRESH = False

SESSION_COOKIE_SECURE = SECURE
SESSION_COOKIE_HTTPONLY = True
CSRF_COOKIE_SECURE = SECURE
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "lium_site.views.stale_form"
SECURE_SSL_REDIRECT = env.boolean("MARKET_SSL_REDIRECT", False)
SECURE_HSTS_SECONDS = 31_536_000 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE
SECURE_HSTS_PRELOAD = SECURE
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
BEHIND_PROXY = env.boolean("MARKET_BEHIND_PROXY", False)
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

HTTP_THREADS = env.integer("MARKET_HTTP_THREADS", 8)
DATA_UPLOAD_MAX_MEMORY_SIZE = 1 << 20
FILE_UPLOAD_MAX_MEMORY_SIZE = 1 << 20

CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_TASK_IGNORE_RESULT = True
# Late acks with rejection: a killed pool child otherwise loses the task it ran.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_SOFT_TIME_LIMIT = 300
CELERY_TASK_TIME_LIMIT = 330
# A dead broker must not hang a web request: the sweep finds what the nudge could not tell.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    "max_retries": 1,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_PUBLISH_RETRY = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_TIMEZONE = "UTC"

# The market's own terms; each is shown to users where it applies.
MARKET_CHAIN = env.one_of("MARKET_CHAIN", {"local", "subtensor"}, "local")
# Subtensor: where it is asked. The genesis says which chain; Finney's unless it is another, such as a localnet.
MARKET_CHAIN_ENDPOINTS = env.words("MARKET_CHAIN_ENDPOINTS")
MARKET_CHAIN_GENESIS = env.text(
    "MARKET_CHAIN_GENESIS", "0x2f0555cc76fc2840a25a6ea3b9637146806f1f44b090c175ffde2a7e5ab36c03"
)
MARKET_CHAIN_TIMEOUT_SECONDS = env.integer("MARKET_CHAIN_TIMEOUT_SECONDS", 10)
MARKET_CHAIN_REQUESTS_PER_SECOND = env.integer("MARKET_CHAIN_REQUESTS_PER_SECOND", 20)
MARKET_CHAIN_POLL_SECONDS = env.integer(
    "MARKET_CHAIN_POLL_SECONDS", 1 if MARKET_CHAIN == "local" else 4
)
# How old the newest final block of a healthy endpoint may be; 0: of any age, for a chain made by hand.
MARKET_CHAIN_LAG = timedelta(seconds=env.integer("MARKET_CHAIN_LAG_SECONDS", 180))
MARKET_INCIDENT = env.text("MARKET_INCIDENT", "")
# Whoever has it reads /metrics; nobody does where it is empty.
METRICS_TOKEN = env.text("MARKET_METRICS_TOKEN", "")
# Whose containers are whose: two markets of one name would end each other's, so there is no default.
MARKET_INSTANCE = env.text("MARKET_INSTANCE")
MARKET_MOST_UNKNOWN = env.integer("MARKET_MOST_UNKNOWN", 3)
MARKET_FEE_RATE = env.decimal("MARKET_FEE_RATE", "0.05")
MARKET_MIN_PRICE_RATE = env.decimal("MARKET_MIN_PRICE_RATE", "0.5")
MARKET_MAX_PRICE_RATE = env.decimal("MARKET_MAX_PRICE_RATE", "2")
MARKET_RECLAIM_GRACE = timedelta(minutes=env.integer("MARKET_RECLAIM_GRACE_MINUTES", 60))
MARKET_RECLAIM_REFUND = timedelta(minutes=env.integer("MARKET_RECLAIM_REFUND_MINUTES", 60))
MARKET_SIGNUP_CREDIT_USD = env.decimal("MARKET_SIGNUP_CREDIT_USD", "0")
MARKET_BALANCE_FLOOR = timedelta(minutes=env.integer("MARKET_BALANCE_FLOOR_MINUTES", 15))
MARKET_QUOTE_LIFE = timedelta(minutes=env.integer("MARKET_QUOTE_MINUTES", 15))
MARKET_INVOICE_LIFE = timedelta(minutes=env.integer("MARKET_INVOICE_MINUTES", 30))
MARKET_UNPAID_GRACE = timedelta(minutes=env.integer("MARKET_UNPAID_GRACE_MINUTES", 10))
MARKET_DATA_GRACE = timedelta(hours=env.integer("MARKET_DATA_GRACE_HOURS", 72))
MARKET_STOPPED_KEPT = timedelta(days=env.integer("MARKET_STOPPED_DAYS", 7))
MARKET_METERING_SECONDS = env.integer("MARKET_METERING_SECONDS", 60)
MARKET_LOST_AFTER = timedelta(minutes=env.integer("MARKET_LOST_AFTER_MINUTES", 30))
# Unbilled and yet running: for so long within a day a pod may fail to prove its SSH, its host key and its GPUs.
MARKET_SSH_SILENCE = timedelta(minutes=env.integer("MARKET_SSH_SILENCE_MINUTES", 10))
MARKET_FAILED_SHOWN = timedelta(minutes=env.integer("MARKET_FAILED_SHOWN_MINUTES", 5))
MARKET_PROBE_SECONDS = env.integer("MARKET_PROBE_SECONDS", 15)
MARKET_DOUBT_SECONDS = env.integer("MARKET_DOUBT_SECONDS", 10)
# host:port of what is reachable whenever our own network works; none of them answering is our own outage.
MARKET_UPLINK_ANCHORS = env.words("MARKET_UPLINK_ANCHORS")
MARKET_VERIFIED_FOR = timedelta(hours=env.integer("MARKET_VERIFIED_FOR_HOURS", 24))
# How many machines that are sold out one person may wait for at once, in all of their workspaces.
MARKET_MOST_REQUESTS = env.integer("MARKET_MOST_REQUESTS", 20)
MARKET_GONE_AFTER = timedelta(hours=env.integer("MARKET_GONE_AFTER_HOURS", 24))
_TRIAL = MARKET_CHAIN == "local"
# Beside the internet; whoever may add machines can have connections made into these networks.
MARKET_MACHINE_NETWORKS = env.networks(
    "MARKET_MACHINE_NETWORKS", "0.0.0.0/0, ::/0" if _TRIAL else ""
)
# What a machine must have to be listed (marketplace/checks); a trial on one's own computer asks for less.
MARKET_MIN_DRIVER = env.text("MARKET_MIN_DRIVER", "535")
MARKET_MIN_CPU_THREADS = env.integer("MARKET_MIN_CPU_THREADS", 1 if _TRIAL else 4)
MARKET_MIN_RAM_GIB = env.integer("MARKET_MIN_RAM_GIB", 1 if _TRIAL else 8)
MARKET_MIN_DISK_GIB = env.integer("MARKET_MIN_DISK_GIB", 4 if _TRIAL else 100)
MARKET_MIN_PORTS_A_GPU = env.integer("MARKET_MIN_PORTS_A_GPU", 3)
MARKET_MIN_DOWNLOAD_MBPS = env.integer("MARKET_MIN_DOWNLOAD_MBPS", 20 if _TRIAL else 100)
MARKET_MIN_UPLOAD_MBPS = env.integer("MARKET_MIN_UPLOAD_MBPS", 10 if _TRIAL else 20)
# Proofs of GPU (docs/proof-of-gpu.md): how often each idle machine is proven, how large, and by whom they are signed.
MARKET_PROOF_INTERVAL = timedelta(minutes=env.integer("MARKET_PROOF_INTERVAL_MINUTES", 60))
MARKET_PROOF_TRIES = env.integer("MARKET_PROOF_TRIES", 3)
MARKET_PROOF_N = env.integer("MARKET_PROOF_N", 16_384)
MARKET_PROOF_SWEEPS = env.integer("MARKET_PROOF_SWEEPS", 20)
MARKET_PROOF_OPENINGS = env.integer("MARKET_PROOF_OPENINGS", 64)
# A simulated card is a CPU: small, so that a proof takes about a second.
MARKET_PROOF_SIMULATED_N = env.integer("MARKET_PROOF_SIMULATED_N", 512)
MARKET_PROOF_SIMULATED_PRODUCTS = env.integer("MARKET_PROOF_SIMULATED_PRODUCTS", 2)
# What the prover runs in on real GPUs, by digest; without one, real machines are not proven, and say so.
MARKET_PROVER_IMAGE = env.text("MARKET_PROVER_IMAGE", "")
# A hotkey file as btcli writes them; on the local chain it is made at the first proof.
MARKET_VALIDATOR_KEY = Path(env.text("MARKET_VALIDATOR_KEY", str(STATE_DIR / "validator.json")))
MARKET_BAND_MIN_MACHINES = env.integer("MARKET_BAND_MIN_MACHINES", 3)
MARKET_BAND_MIN_SAMPLES = env.integer("MARKET_BAND_MIN_SAMPLES", 20)
# Weights: the subnet, how far scores look back, what idle GPUs earn as a part of rented ones, and what is burnt.
MARKET_NETUID = env.integer("MARKET_NETUID", 51)
MARKET_SCORE_WINDOW = timedelta(hours=env.integer("MARKET_SCORE_WINDOW_HOURS", 24))
MARKET_SCORE_IDLE_RATE = env.decimal("MARKET_SCORE_IDLE_RATE", "0.4")
MARKET_SCORE_BURN_SHARE = env.decimal("MARKET_SCORE_BURN_SHARE", "0")
MARKET_SCORE_BURN_UID = env.integer("MARKET_SCORE_BURN_UID", 0)
# Illustrations on the first page of an almost empty market; marked, never in the API or in any figure.
MARKET_SAMPLES = env.boolean("MARKET_SAMPLES", True)
# Local chain: blocks by clock, finality this many blocks behind the head.
LOCALCHAIN_BLOCK_SECONDS = env.integer("LOCALCHAIN_BLOCK_SECONDS", 1)
LOCALCHAIN_FINALITY_BLOCKS = env.integer("LOCALCHAIN_FINALITY_BLOCKS", 2)
# Weights are hidden for an epoch, as on subnets that have commit-reveal.
LOCALCHAIN_COMMIT_REVEAL = env.boolean("LOCALCHAIN_COMMIT_REVEAL", False)
LOCALCHAIN_USD_PER_TAO = env.decimal("LOCALCHAIN_USD_PER_TAO", "350")
# The price of TAO (docs/money.md): HTTP feeds, how often they are asked, and what a price must hold to.
MARKET_RATE_FEEDS = env.objects("MARKET_RATE_FEEDS")
MARKET_RATE_SECONDS = env.integer("MARKET_RATE_SECONDS", 60)
MARKET_RATE_STALE = timedelta(minutes=env.integer("MARKET_RATE_STALE_MINUTES", 10))
# One source alone can be wrong or bought; the simulated chain has only itself.
MARKET_RATE_MIN_SOURCES = env.integer("MARKET_RATE_MIN_SOURCES", 1 if _TRIAL else 2)
MARKET_RATE_MAX_SPREAD = env.decimal("MARKET_RATE_MAX_SPREAD", "0.05")
MARKET_RATE_MAX_JUMP = env.decimal("MARKET_RATE_MAX_JUMP", "0.15")
MARKET_RATE_AGREEING = env.integer("MARKET_RATE_AGREEING", 10)
# Public half of the deposit key: the web process derives addresses from it and can sign nothing.
DEPOSIT_PUBLIC_KEY = env.text("MARKET_DEPOSIT_PUBLIC_KEY", "")
# Where the worker sweeps deposits to; nothing is swept while it is empty. Only that worker reads the seed.
TREASURY_ADDRESS = env.text("MARKET_TREASURY_ADDRESS", "")
# Payouts (docs/money.md): how long earnings are held, the least that is paid, the most in a batch and in a day.
MARKET_PAYOUT_HOLD = timedelta(days=env.integer("MARKET_PAYOUT_HOLD_DAYS", 7))
MARKET_PAYOUT_MIN_USD = env.decimal("MARKET_PAYOUT_MIN_USD", "10")
MARKET_PAYOUT_BATCH_USD = env.decimal("MARKET_PAYOUT_BATCH_USD", "10000")
MARKET_PAYOUT_DAY_USD = env.decimal("MARKET_PAYOUT_DAY_USD", "20000")
# A stolen account must not be paid to its thief's coldkey before its owner has noticed.
MARKET_PAYOUT_COLDKEY_AGE = timedelta(hours=env.integer("MARKET_PAYOUT_COLDKEY_HOURS", 24))
# Monday is 0; runs are due at noon (UTC). A proposal lasts as long as its rate is worth something.
MARKET_PAYOUT_WEEKDAY = env.integer("MARKET_PAYOUT_WEEKDAY", 0)
MARKET_PAYOUT_PROPOSAL = timedelta(minutes=env.integer("MARKET_PAYOUT_PROPOSAL_MINUTES", 60))
# A program that signs for the treasury, where its seed is on no machine of ours (docs/security.md).
PAYOUT_SIGNER = env.text("MARKET_PAYOUT_SIGNER", "")
# Less is dust: it waits for an administrator instead of being credited.
MARKET_MIN_DEPOSIT_TAO = env.decimal("MARKET_MIN_DEPOSIT_TAO", "0.001")
# Subnets whose alpha is taken as payment; the first is quoted where the client names none.
MARKET_ALPHA_SUBNETS = env.integers("MARKET_ALPHA_SUBNETS", "51" if _TRIAL else "")

UNFOLD = {
    "SITE_TITLE": "lium_site",
    "SITE_HEADER": "lium_site",
    "SITE_SYMBOL": "memory",
    "SITE_FAVICONS": [{"rel": "icon", "href": lambda request: static("mark.svg")}],
    "DASHBOARD_CALLBACK": "lium_site.admin_dashboard.dashboard",
}

configure_logs(json=env.boolean("MARKET_LOG_JSON", True))
LOGGING_CONFIG = None
