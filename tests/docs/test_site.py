"""The site that `make site` builds: every page is in it, every link inside it leads somewhere, and
a browser that shows it asks no other host for anything.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.docs.pages import ROOT

PYTHON = Path(ROOT, ".cache/site/bin/python")
"""Where the Makefile puts MkDocs."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not PYTHON.with_name("mkdocs").exists(), reason="needs MkDocs, which `make site` installs"
    ),
]

FETCHED = {"src", "srcset", "poster", "data", "background"}
"""Attributes whose addresses a browser fetches by itself; `href` is another one in a `link`."""

UNUSED_HOSTS = {
    "unpkg.com": "the script would get Mermaid there for a page with a diagram; none has one",
    "api.github.com": "the script would count a repository's stars; `repo_url` is not set",
    "www.w3.org": "the names of XML's name spaces, which nobody fetches",
}
"""Other hosts that are named in the theme's scripts, and why nothing is asked of them."""


class Page(HTMLParser):
    """What a page fetches, where it leads, what can be led to, and the kinds of its elements."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.fetched: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.kinds: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the addresses and names of one element."""
        for name, value in attrs:
            if name in FETCHED or (name == "href" and tag == "link"):
                self.fetched.append(value or "")
            elif name == "href":
                self.links.append(value or "")
            elif name in ("id", "name"):
                self.anchors.add(value or "")
            elif name in ("class", "data-md-component"):
                self.kinds |= set((value or "").split())


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make site` does, elsewhere."""
    place = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [PYTHON, "-m", "mkdocs", "build", "--strict", "--site-dir", str(place)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return place


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    """Every page of the site by its path."""
    return {path: Page(path) for path in site.rglob("*.html")}


def is_elsewhere(address: str) -> bool:
    """Whether an address names a host; `data:` holds what it names."""
    parts = urlsplit(address)
    return bool(parts.netloc) or parts.scheme not in ("", "data")


def test_each_document_is_a_page_that_the_navigation_leads_to(
    site: Path, pages: dict[Path, Page]
) -> None:
    documents = {f"{path.stem}.html" for path in Path(ROOT, "docs").glob("*.md")}
    assert documents <= {path.name for path in pages}
    assert documents - set(pages[site / "index.html"].links) == set()


def test_no_page_fetches_anything_from_another_host(pages: dict[Path, Page]) -> None:
    assert [each for page in pages.values() for each in page.fetched if is_elsewhere(each)] == []


def test_no_style_fetches_anything_from_another_host(site: Path) -> None:
    fetched = [
        address
        for path in site.rglob("*.css")
        for found in re.findall(r"url\(([^)]*)\)|@import\s+([^;]*);", path.read_text("utf-8"))
        for address in found
    ]
    assert [each for each in fetched if is_elsewhere(each.strip("\"' "))] == []


def test_no_script_has_a_reason_to_ask_another_host(site: Path, pages: dict[Path, Page]) -> None:
    named = {
        host
        for path in site.rglob("*.js")
        for host in re.findall(r"[\"'`]https?://([\w.-]+)", path.read_text("utf-8"))
    }
    assert named - UNUSED_HOSTS.keys() == set()
    assert [path for path, page in pages.items() if page.kinds & {"mermaid", "source"}] == []


def broken_links(page: Page, pages: dict[Path, Page], site: Path) -> Iterator[str]:
    """The links of a page inside the site that lead nowhere."""
    for link in page.links:
        parts = urlsplit(link)
        if is_elsewhere(link) or page.path.name == "404.html":
            continue
        path = Path(os.path.normpath(page.path.parent / unquote(parts.path)))
        target = page.path if not parts.path else path / "index.html" if path.is_dir() else path
        if not target.is_relative_to(site) or not target.exists():
            yield link
            continue
        if parts.fragment and unquote(parts.fragment) not in pages[target].anchors:
            yield link


def test_each_link_inside_the_site_leads_somewhere(site: Path, pages: dict[Path, Page]) -> None:
    broken = {path.name: list(broken_links(page, pages, site)) for path, page in pages.items()}
    assert {name: links for name, links in broken.items() if links} == {}


def test_no_table_or_list_is_shown_as_its_source(site: Path) -> None:
    source = re.compile(r"<p>(\|| *- )|\| --- \|")
    assert [path for path in site.glob("*.html") if source.search(path.read_text("utf-8"))] == []
