"""Reading a page: its tags, and its words."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from pathlib import Path

from selfvid.reports.page import report


class Shape(HTMLParser):
    """Collects tags with their attributes, and fails on tags that do not nest."""

    EMPTY = ("meta", "img")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def page_of(run: Path) -> str:
    """Write the report of a run and return its HTML."""
    return report(run, quiet=True).read_text()


def words_of(page: str) -> str:
    """Return the text of a page without tags."""
    return " ".join(
        html.unescape(re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.S)).split()
    )
