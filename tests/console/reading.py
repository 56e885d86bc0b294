"""Reads a page as a person without scripts does: its title, texts, tables, links and forms."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

from werkzeug.test import TestResponse

# Texts on both sides of these are apart on the page.
_APART = frozenset({"br", "code", "dd", "div", "dl", "dt", "h1", "h2", "h3", "li", "p", "td", "th", "tr"})
_VOID = frozenset({"meta", "link", "input", "br", "hr", "img", "rect", "path"})


@dataclass
class Form:
    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)  # name and value of each
    buttons: list[str] = field(default_factory=list)


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    text: str = ""


class Page(HTMLParser):
    """`read` makes one, and checks that all elements are closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.html = html
        self.elements: list[Element] = []
        self.forms: list[Form] = []
        self._open: list[Element] = []
        self.feed(html)
        self.close()
        assert not self._open, f"never closed: {[element.tag for element in self._open]}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"{tag} has an attribute twice: {names}"
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        if tag == "form":
            self.forms.append(
                Form(element.attributes.get("action", ""), element.attributes.get("method", "get"))
            )
        if tag in ("input", "textarea", "select", "button") and self.forms and self._inside("form"):
            name = element.attributes.get("name", "")
            self.forms[-1].fields.append((name, element.attributes.get("value", "")))
        if tag in _APART or {"line", "more"} & set((dict(attrs).get("class") or "").split()):
            self.handle_data(" ")
        if tag not in _VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID:
            return
        assert self._open, f"</{tag}> closes nothing"
        opened = self._open.pop()
        assert opened.tag == tag, f"</{tag}> closes <{opened.tag}>"
        if tag == "button" and self.forms and self._inside("form"):
            self.forms[-1].buttons.append(" ".join(opened.text.split()))

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    def _inside(self, tag: str) -> bool:
        return any(element.tag == tag for element in self._open)

    def all(self, tag: str, **attributes: str) -> list[Element]:
        """The elements with this tag and these attributes; `class_` is one of its classes."""
        wanted = attributes.pop("class_", "")
        return [
            element
            for element in self.elements
            if element.tag == tag
            and (not wanted or wanted in element.attributes.get("class", "").split())
            and all(element.attributes.get(name) == value for name, value in attributes.items())
        ]

    def texts(self, tag: str, **attributes: str) -> list[str]:
        return [" ".join(element.text.split()) for element in self.all(tag, **attributes)]

    @property
    def title(self) -> str:
        (text,) = self.texts("h1")
        return text

    @property
    def text(self) -> str:
        (main,) = self.texts("main")
        return main

    def rows(self, number: int = 0) -> list[str]:
        """The rows of one of the tables of the page, as texts."""
        found: list[list[str]] = []
        for element in self.elements:
            if element.tag == "tbody":
                found.append([])
            elif element.tag == "tr" and found:
                found[-1].append(" ".join(element.text.split()))
        return found[number] if number < len(found) else []

    def links(self) -> list[str]:
        return [element.attributes["href"] for element in self.all("a") if "href" in element.attributes]

    def form(self, button: str) -> Form:
        """The form with this button."""
        return next(form for form in self.forms if button in form.buttons)


def read(response: TestResponse, status: int = 200) -> Page:
    """The page of a response. Checks what holds for every page."""
    html = response.get_data(as_text=True)
    assert response.status_code == status, html[:2_000]
    page = Page(html)
    ids = [element.attributes["id"] for element in page.elements if "id" in element.attributes]
    assert len(ids) == len(set(ids)), "an id is there twice"
    for element in page.elements:
        assert "style" not in element.attributes
        assert not any(name.startswith("on") for name in element.attributes), element
        href = element.attributes.get("href", "")
        assert not href.lower().strip().startswith(("javascript:", "data:", "vbscript:")), href
    sources = [element.attributes.get("src", "") for element in page.all("script")]
    assert all(source.startswith("/static/") for source in sources), sources
    return page
