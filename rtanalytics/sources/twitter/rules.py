"""The rules of X's filtered stream. They belong to the whole account, so only ours are touched.

Ours is known by its tag. A stream sends what any rule of the account matches, and says which did.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from rtanalytics.normalize.values import as_dicts
from rtanalytics.sources.base import Blocked, Malformed, Transient, printable
from rtanalytics.sources.json_items import load

__all__ = ["agree", "said"]

MAX_PAGES = 20
"""Of the rules that an account has; one page has a thousand."""

Fetch = Callable[[str, Any], Awaitable[bytes]]


async def agree(fetch: Fetch, url: str, tag: str, value: str) -> frozenset[str]:
    """See to it that there is one rule with this tag and value.

    Parameters
    ----------
    fetch : function
        Takes an address and what to post there, or None to ask; gives the body.
    url : str
        Of the rules.
    tag, value : str
        Of ours. Others with this tag are removed, those with another tag never.

    Returns
    -------
    frozenset of str
        The numbers of the rules that match what ours does. If somebody else has a rule with the same
        value, X takes no second one, and theirs is named.

    Raises
    ------
    Blocked
        If X does not take the rule; the message says why.
    Transient
        If the answer says nothing of use.
    SourceError
        Whatever ``fetch`` raises.
    """
    ours = [rule for rule in await _all(fetch, url) if rule.get("tag") == tag]
    kept = next((rule for rule in ours if rule.get("value") == value), None)
    if stale := [str(rule["id"]) for rule in ours if rule is not kept]:
        await fetch(url, {"delete": {"ids": stale}})
    if kept is not None:
        return frozenset({str(kept["id"])})
    try:
        answer = _value(await fetch(url, {"add": [{"value": value, "tag": tag}]}))
    except Blocked as error:
        if error.status != 400:
            raise
        raise _refused(_value(error.body)) from None
    if added := _rules(answer):
        return frozenset(str(rule["id"]) for rule in added)
    same = [e for e in as_dicts(answer.get("errors")) if e.get("title") == "DuplicateRule" and e.get("id")]
    if not same:
        raise _refused(answer)
    return frozenset(str(error["id"]) for error in same)


def said(errors: Any) -> str:
    """Summarise X's errors in one line."""
    first = errors[0] if isinstance(errors, list) and errors else errors
    if not isinstance(first, dict):
        return printable(first, 200)
    details = first.get("details")
    more = details[0] if isinstance(details, list) and details else None
    return printable(more or first.get("detail") or first.get("title") or first, 200)


async def _all(fetch: Fetch, url: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    token = ""
    for _ in range(MAX_PAGES):
        answer = _value(await fetch(f"{url}?pagination_token={token}" if token else url, None))
        if "data" not in answer and "meta" not in answer:
            raise Transient(f"the rules of the stream cannot be read: {said(answer.get('errors') or answer)}")
        found += _rules(answer)
        meta = answer.get("meta")
        token = str(meta.get("next_token") or "") if isinstance(meta, dict) else ""
        if not token.isalnum():
            break
    return found


def _refused(answer: dict[str, Any]) -> Blocked:
    return Blocked(
        f"X does not take the query as a rule of its stream: {said(answer.get('errors') or answer)}"
    )


def _rules(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [rule for rule in as_dicts(answer.get("data")) if rule.get("id")]


def _value(body: bytes) -> dict[str, Any]:
    try:
        value = load(body, "rules of X")
    except Malformed as error:
        raise Transient(str(error)) from None
    return value if isinstance(value, dict) else {}
