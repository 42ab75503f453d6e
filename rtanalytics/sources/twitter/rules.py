"""Rules of X's filtered stream.

All rules of an account share one stream, which sends each post with the rules that it matches. Our rule
is recognised by its tag; rules with other tags are never changed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from rtanalytics.normalize.values import as_dicts
from rtanalytics.sources.base import Blocked, Malformed, Transient, printable
from rtanalytics.sources.json_items import load

__all__ = ["ensure_rule", "summarize_errors"]

MAX_PAGES = 20
"""Largest number of pages of rules that are read; one page has a thousand rules."""

Fetch = Callable[[str, Any], Awaitable[bytes]]


async def ensure_rule(fetch: Fetch, url: str, tag: str, value: str) -> frozenset[str]:
    """Ensure that the account has exactly one rule with this tag, and that it has this value.

    Parameters
    ----------
    fetch : function
        Takes a URL and the JSON to post, or None for a GET request; returns the body.
    url : str
        Address of the rules.
    tag, value : str
        Tag and value of our rule. Rules with this tag and another value are deleted.

    Returns
    -------
    frozenset of str
        Ids of the rules with this value. X refuses duplicates, so if the account already has a rule with
        this value under another tag, the result contains the id of that one.

    Raises
    ------
    Blocked
        If X refuses the rule; the message contains the reason.
    Transient
        If the response cannot be used.
    SourceError
        Any error of ``fetch``.
    """
    ours = [rule for rule in await _all(fetch, url) if rule.get("tag") == tag]
    kept = next((rule for rule in ours if rule.get("value") == value), None)
    if stale := [str(rule["id"]) for rule in ours if rule is not kept]:
        await fetch(url, {"delete": {"ids": stale}})
    if kept is not None:
        return frozenset({str(kept["id"])})
    try:
        response = _value(await fetch(url, {"add": [{"value": value, "tag": tag}]}))
    except Blocked as error:
        if error.status != 400:
            raise
        raise _refused(_value(error.body)) from None
    if added := _rules(response):
        return frozenset(str(rule["id"]) for rule in added)
    duplicates = [
        e for e in as_dicts(response.get("errors")) if e.get("title") == "DuplicateRule" and e.get("id")
    ]
    if not duplicates:
        raise _refused(response)
    return frozenset(str(error["id"]) for error in duplicates)


def summarize_errors(errors: Any) -> str:
    """Summarize X's errors in one line."""
    first = errors[0] if isinstance(errors, list) and errors else errors
    if not isinstance(first, dict):
        return printable(first, 200)
    details = first.get("details")
    detail = details[0] if isinstance(details, list) and details else None
    return printable(detail or first.get("detail") or first.get("title") or first, 200)


async def _all(fetch: Fetch, url: str) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = []
    token = ""
    for _ in range(MAX_PAGES):
        response = _value(await fetch(f"{url}?pagination_token={token}" if token else url, None))
        if "data" not in response and "meta" not in response:
            raise Transient(
                f"cannot read the rules of the stream: {summarize_errors(response.get('errors') or response)}"
            )
        rules += _rules(response)
        meta = response.get("meta")
        token = str(meta.get("next_token") or "") if isinstance(meta, dict) else ""
        if not token.isalnum():
            break
    return rules


def _refused(response: dict[str, Any]) -> Blocked:
    return Blocked(
        f"X refuses the query as a rule of its stream: {summarize_errors(response.get('errors') or response)}"
    )


def _rules(response: dict[str, Any]) -> list[dict[str, Any]]:
    return [rule for rule in as_dicts(response.get("data")) if rule.get("id")]


def _value(body: bytes) -> dict[str, Any]:
    try:
        value = load(body, "rules of X")
    except Malformed as error:
        raise Transient(str(error)) from None
    return value if isinstance(value, dict) else {}
