"""What every source that asks over HTTP must do: all of :class:`SourceContract`, and what HTTP brings along."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from rtanalytics.sources.base import (
    AuthFailed,
    Blocked,
    Gone,
    Malformed,
    RateLimited,
    Refused,
    SourceError,
    Transient,
)
from tests.contracts.services import Outside
from tests.contracts.source import Harness, Reader, SourceContract, begun, run_story

__all__ = ["HttpContract"]


class HttpContract(SourceContract):
    """Refusals, their headers, and redirects."""

    @pytest.mark.parametrize(
        ("status", "headers", "error", "seconds"),
        [
            (429, {"Retry_After": "3600"}, RateLimited, 3600),
            (429, {"Retry_After": "{in an hour}"}, RateLimited, 3600),
            (429, {}, RateLimited, None),
            (503, {"Retry_After": "7"}, RateLimited, 7),
            (500, {}, Transient, None),
            (502, {}, Transient, None),
            (401, {}, AuthFailed, None),
            (403, {}, Blocked, None),
            (410, {}, Gone, None),
        ],
    )
    def test_a_refusal_is_told_as_what_it_is_and_nothing_is_lost(
        self,
        harness: Harness,
        status: int,
        headers: dict[str, str],
        error: type[SourceError],
        seconds: float | None,
    ) -> None:
        """It raises at once, with the wait it was asked for; what comes afterwards is all there."""

        async def story(service: Outside, reader: Reader) -> None:
            await begun(service, reader)
            now = datetime.now(UTC).replace(microsecond=0)
            shape = "%a, %d %b %Y %H:%M:%S GMT"
            sent = {
                k: v.replace("{in an hour}", (now + timedelta(hours=1)).strftime(shape))
                for k, v in headers.items()
            }
            service.items += [2, 3]
            service.fail(status, Date=now.strftime(shape), **sent)
            with pytest.raises(error) as caught:
                await reader.poll()
            if isinstance(caught.value, RateLimited):
                told_wait = caught.value.wait
                assert (told_wait and told_wait.total_seconds()) == seconds
            service.fault = None
            await reader.until({2, 3})

        run_story(harness, story)

    @pytest.mark.parametrize(
        "target",
        ["file:///etc/passwd", "http://169.254.169.254/latest/", "http://10.0.0.1/", "ftp://x.example/"],
    )
    def test_a_redirect_to_where_we_do_not_go_is_refused(self, harness: Harness, target: str) -> None:
        """Files, the cloud's own addresses, private networks."""

        async def story(service: Outside, reader: Reader) -> None:
            await begun(service, reader)
            service.fail(302, Location=target)
            with pytest.raises(Refused):
                await reader.poll()

        run_story(harness, story)

    def test_too_much_is_a_dead_letter(self, harness: Harness) -> None:
        """A body without an end is kept in part, for whoever wants to see what it was."""

        async def story(service: Outside, reader: Reader) -> None:
            await begun(service, reader)
            service.items += [2]
            service.flood()
            try:
                batch = await reader.poll()
                assert len(batch.rejects) == 1
            except Malformed as error:
                assert error.raw  # the runner buries it
            service.recover()
            await reader.until({2})

        run_story(harness, story, max_bytes=1_000_000)
