"""YARA rules: checks the files of a feed, compiles them with yara-x, and makes the text for the platform.

yara-x is only loaded here, and only when rules are compiled: the functions on AWS do not have it. Which
engine the platform uses is not public; a rule that yara-x refuses is refused here too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from scheduler.intelligence.yara_text import Outline, outline, renamed
from shared.models.indicators import Refusal
from shared.models.marked_section import holds_marks

MAX_RULES = 5_000
MAX_BYTES = 2_000_000  # of the text that the platform gets
MODULES = ("dotnet", "elf", "hash", "macho", "math", "pe", "string", "time")
_LONGEST_NAME = 128  # what YARA allows


@dataclass(frozen=True)
class RuleFile:
    feed: str
    file: str  # its name as people see it
    text: str


@dataclass(frozen=True)
class RuleSet:
    """The rules of all files as one text, with the names that they have on the platform."""

    text: str = ""
    by_feed: tuple[tuple[str, int], ...] = ()  # how many rules each feed has


def compiled(files: Sequence[RuleFile], prefix: str) -> tuple[RuleSet, list[Refusal]]:
    """The rules of the files. If anything is refused, the set is empty: rules are put on the platform
    together or not at all."""
    refused = [refusal for file in files for refusal in _refusals(file, prefix)]
    if refused or not files:
        return RuleSet(), refused
    texts = [renamed(file.text, f"{prefix}{file.feed}_") for file in files]
    whole = "\n".join(f"// {file.feed}\n{text.strip()}\n" for file, text in zip(files, texts, strict=True))
    counts = tuple((file.feed, len(outline(file.text).rules)) for file in files)
    if refusal := _too_large(sum(count for _, count in counts), whole):
        return RuleSet(), [refusal]
    if refused := _broken_together(files, texts, whole):
        return RuleSet(), refused
    return RuleSet(whole, counts), []


def _refusals(file: RuleFile, prefix: str) -> list[Refusal]:
    found = outline(file.text)
    refused = [*_not_taken(file, found, prefix)]
    return refused or [*_compile_errors(file.text, file.file)]


def _not_taken(file: RuleFile, found: Outline, prefix: str) -> Iterable[Refusal]:
    for line in found.includes:
        yield Refusal(file.file, line, "include is not possible: the platform cannot read this file")
    for module, line in found.imports:
        if module not in MODULES:
            known = ", ".join(MODULES)
            yield Refusal(file.file, line, f"the module {module} is not allowed; write one of {known}")
    for rule in found.rules:
        if rule.is_global:
            yield Refusal(
                file.file,
                rule.line,
                f"rule {rule.name} is global: it would decide over every other rule on the platform",
            )
        elif len(f"{prefix}{file.feed}_{rule.name}") > _LONGEST_NAME:
            yield Refusal(
                file.file,
                rule.line,
                f"the name {rule.name} is too long: with {prefix}{file.feed}_ before it, it may have "
                f"{_LONGEST_NAME} characters",
            )
    if holds_marks(file.text):
        line = next((at for at, text in enumerate(file.text.split("\n"), 1) if holds_marks(text)), 0)
        yield Refusal(file.file, line, "holds a mark of huntbridge (huntbridge:begin or huntbridge:end)")
    if not found.rules:
        yield Refusal(file.file, 0, "holds no rule")


def _compile_errors(text: str, file: str) -> Iterable[Refusal]:
    """What the compiler says of the text, as it would say it of the file alone."""
    import yara_x

    compiler = yara_x.Compiler(includes_enabled=False)
    try:
        compiler.add_source(text, origin=file)
    except yara_x.CompileError:
        refused = [Refusal(file, _line(error), _words(error)) for error in compiler.errors()]
        yield from sorted(refused, key=lambda refusal: refusal.line)


def _line(error: dict[str, Any]) -> int:
    labels: list[dict[str, Any]] = error.get("labels") or []
    return next((int(label["line"]) for label in labels if label.get("line")), int(error.get("line") or 0))


def _words(error: dict[str, Any]) -> str:
    said = [label.get("text", "") for label in error.get("labels") or []]
    detail = "; ".join(text for text in said if text)
    return str(error.get("title") or "the rule does not compile") + (f" ({detail})" if detail else "")


def _broken_together(files: Sequence[RuleFile], texts: Sequence[str], whole: str) -> list[Refusal]:
    """Each file compiles alone. Two feeds may still give two rules the same name: rule c_d of feed a_b, and
    rule b_c_d of feed a. A rule may also have the name of a variable of its file."""
    error = next(iter(_compile_errors(whole, "")), None)
    if error is None:
        return []
    renamed_alone = [
        Refusal(file.file, broken.line, f"not with the names that rules have on the platform: {broken.why}")
        for file, text in zip(files, texts, strict=True)
        for broken in _compile_errors(text, file.file)
    ]
    together = Refusal("intelligence.yara", 0, f"the rules do not compile together: {error.why}")
    return renamed_alone or [together]


def _too_large(rules: int, text: str) -> Refusal | None:
    if rules > MAX_RULES:
        return Refusal("intelligence.yara", 0, f"{rules:,} rules are too many: {MAX_RULES:,} are the most")
    if len(text.encode()) > MAX_BYTES:
        return Refusal("intelligence.yara", 0, f"the rules are larger than {MAX_BYTES:,} bytes")
    return None
