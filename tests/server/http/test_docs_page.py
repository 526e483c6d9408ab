"""The readable page: complete, from nowhere else, and safe whatever the document says."""

from __future__ import annotations

import base64
import hashlib
import http.client
import re
from contextlib import closing
from html.parser import HTMLParser

from styxy.server.http.app import ROUTES
from styxy.server.http.docs_page import render
from tests.daemon import Daemon

VOID = {"meta", "br", "hr", "th"}
"""Elements that need no end tag here."""


class Page(HTMLParser):
    """Hold what a page has: elements, links, anchors, text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        assert self._open == [], "an element is not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close one."""
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.text += data


def fetch(daemon: Daemon) -> tuple[http.client.HTTPResponse, str]:
    """Ask for the page."""
    with closing(daemon.connect()) as connection:
        connection.request("GET", "/docs")
        response = connection.getresponse()
        return response, response.read().decode()


def test_the_page_names_every_operation(daemon: Daemon) -> None:
    response, text = fetch(daemon)
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    page = Page(text)
    for route in ROUTES:
        assert f"{route.method} {route.path}" in page.text
        assert route.summary in page.text


def test_the_page_asks_no_other_host_and_needs_no_script(daemon: Daemon) -> None:
    response, text = fetch(daemon)
    page = Page(text)
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert "://" not in "".join(value or "" for _, value in page.attributes)
    style = re.search(r"<style>(.*?)</style>", text, re.S)
    assert style
    assert "url(" not in style[1]
    assert "import" not in style[1]
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = response.headers["content-security-policy"]
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'")


def test_every_link_leads_somewhere(daemon: Daemon) -> None:
    page = Page(fetch(daemon)[1])
    anchors = {value for name, value in page.attributes if name == "id"}
    links = {value for name, value in page.attributes if name == "href"}
    assert {f"#{anchor}" for anchor in anchors} >= links
    assert len(anchors) > len(ROUTES)


def test_the_page_is_for_whoever_has_the_token(daemon: Daemon) -> None:
    assert daemon.call("GET", "/docs", over="bare").status == 401


def test_what_the_document_says_is_text_and_no_markup() -> None:
    evil = "<script>alert(1)</script>"
    schema = {"type": evil, "description": evil, "properties": {evil: {"enum": [evil]}}}
    page = render(
        {
            "info": {"title": evil, "version": evil, "description": evil},
            "paths": {
                f"/{evil}": {
                    "get": {
                        "operationId": evil,
                        "summary": evil,
                        "parameters": [
                            {"name": evil, "in": "query", "required": True, "schema": schema}
                        ],
                        "responses": {
                            "200": {"description": evil, "content": {evil: {"schema": schema}}}
                        },
                    }
                }
            },
            "components": {"schemas": {evil: schema}},
        }
    )
    assert evil not in page
    assert "<script" not in page
