"""The title, facts and footer that the configuration's `message` section asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from receiver.messages.message import MAX_TITLE, Fact
from receiver.messages.safe_text import copyable, harmless_line
from shared.config.message import OTHERS, MessageConfig

MAX_FOOTER = 500
MAX_FACT = 300


class ConfiguredWording:
    """Replaces the usual title, facts and footer of one message by those of the configuration.

    If a template cannot be rendered, the usual text stays, and `failed` names the template and the reason.
    """

    def __init__(self, config: MessageConfig | None, values: Callable[[], Mapping[str, object]]) -> None:
        self._config, self._values = config or MessageConfig(), values
        self.failed: list[str] = []

    def title(self, usual: str) -> str:
        return self._filled("message.title", self._config.title, MAX_TITLE) or usual

    def footer(self) -> str:
        return self._filled("message.footer", self._config.footer, MAX_FOOTER)

    def facts(self, usual: Iterable[Fact]) -> Iterator[Fact]:
        """The facts without a name, then those that `message.facts` chooses. All, if it chooses none."""
        usual = tuple(usual)
        if not self._config.facts:
            yield from usual
            return
        named = {fact.name: fact for fact in usual if fact.name}
        chosen = {fact.show for fact in self._config.facts}
        yield from (fact for fact in usual if not fact.name)
        for number, choice in enumerate(self._config.facts):
            if choice.show == OTHERS:
                yield from (fact for name, fact in named.items() if name not in chosen)
            elif choice.show in named:
                yield named[choice.show]
            elif choice.tag:
                yield Fact(choice.label or copyable(choice.tag, 40), self._tag(choice.tag))
            elif choice.value:
                yield Fact(
                    choice.label or "", self._filled(f"message.facts[{number}]", choice.value, MAX_FACT)
                )

    def _tag(self, name: str) -> str:
        tags = self._values().get("tags")
        return str(tags.get(name, "")) if isinstance(tags, Mapping) else ""

    def _filled(self, key: str, text: str | None, limit: int) -> str:
        """The rendered template, cleaned again, because two harmless values next to each other can form a
        link."""
        if text is None:
            return ""
        from shared.config.templates import (
            template,  # Jinja takes 0.1 s to import, and few configurations use it
        )

        try:
            return copyable(template(text).render(self._values()), limit)
        except ValueError as error:
            self.failed.append(
                f"{key} of the configuration cannot be filled in: {harmless_line(str(error), 200)}"
            )
            return ""
