"""The moving window, on a real Redis, and without one."""

import pytest
from django.test import override_settings

from core import ratelimit
from core.errors import RateLimited


class TestCheck:
    def test_refuses_past_the_rate_and_says_when_there_is_room(self) -> None:
        for _ in range(3):
            ratelimit.check("bucket", "alice", "3/minute")

        with pytest.raises(RateLimited, match="at most 3 in 1 minute") as refusal:
            ratelimit.check("bucket", "alice", "3/minute")

        assert 0 < refusal.value.retry_after <= 60

    def test_counts_each_identity_and_bucket_alone(self) -> None:
        ratelimit.check("bucket", "alice", "1/minute")

        ratelimit.check("bucket", "bob", "1/minute")
        ratelimit.check("other", "alice", "1/minute")

    def test_forgives(self) -> None:
        ratelimit.check("bucket", "alice", "1/minute")

        ratelimit.forgive("bucket", "alice", "1/minute")

        ratelimit.check("bucket", "alice", "1/minute")

    def test_lets_everyone_in_while_redis_is_away(self) -> None:
        ratelimit._limiter.cache_clear()
        try:
            with override_settings(REDIS_URL="unix:///nowhere.sock"):
                for _ in range(3):
                    ratelimit.check("bucket", "alice", "1/minute")
        finally:
            ratelimit._limiter.cache_clear()
