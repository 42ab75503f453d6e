"""Safe parsing of XML from untrusted files.

Document type declarations are refused. Schedules do not need them, and attacks with entities (which
expand to huge texts or read local files) do.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from rtanalytics.schedules.common import ScheduleError

__all__ = ["parsed_xml"]

_MAX_DEPTH = 30
_MAX_ELEMENTS = 1_000_000


class _Builder(TreeBuilder):
    """Tree builder that raises an error if the tree is deeper or larger than that of any schedule."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self._where, self._depth, self._elements = where, 0, 0

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        self._depth += 1
        self._elements += 1
        if self._depth > _MAX_DEPTH or self._elements > _MAX_ELEMENTS:
            raise ScheduleError(f"{self._where}: XML with more elements, or a deeper tree, than any schedule")
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> Element:
        self._depth -= 1
        return super().end(tag)


def parsed_xml(raw: bytes, where: str) -> Element:
    """Parse an XML document and return its root element.

    Raises
    ------
    ScheduleError
        If the XML is broken, too deep or too large, or has a document type declaration.
    """
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import DefusedXMLParser

    parser = DefusedXMLParser(target=_Builder(where), forbid_dtd=True)
    try:
        parser.feed(raw)
        root: Element = parser.close()
    except ParseError as error:
        line, column = error.position
        raise ScheduleError(f"{where}:{line}: broken XML (column {column + 1}): {error.msg}") from None
    except DefusedXmlException:
        raise ScheduleError(
            f"{where}: XML with a document type declaration is refused, because it can do harm; "
            "remove <!DOCTYPE …>"
        ) from None
    except (LookupError, ValueError) as error:
        if isinstance(error, ScheduleError):
            raise
        raise ScheduleError(f"{where}: XML in an unknown encoding: {error}") from None
    return root
