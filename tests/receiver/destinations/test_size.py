from dataclasses import replace

from receiver.destinations.size import fit, folded_text
from receiver.messages.message import Fact, Line, Message
from shared.models.evidence import Finding
from shared.models.severity import Severity

MESSAGE = Message(
    id="e1",
    kind="hunt_finished",
    severity=Severity.MALICIOUS,
    title="t" * 40,
    summary="s" * 40,
    facts=tuple(Fact(f"fact {n}", "v" * 40) for n in range(10)),
    findings=tuple(Finding("d" * 40, 1, Severity.MALICIOUS) for _ in range(10)),
    findings_total=12,
    lines=tuple(Line("l" * 40) for _ in range(30)),
    lines_total=200,
    quote="q" * 1_000,
    gaps=("g" * 40,) * 5,
)


def render(message: Message) -> list[str]:
    lines = (line.text for line in message.lines)
    parts = [message.title, message.summary, message.quote, message.left_out, *lines, *message.gaps]
    return [*parts, *(fact.value for fact in message.facts), *(f.description for f in message.findings)]


def size(rendered: list[str]) -> int:
    return sum(map(len, rendered))


def kept(limit: int) -> tuple[int, int, int, int, int, str]:
    """How many findings, lines, characters of quote, facts and gaps are kept, and the text about the rest."""
    message = fit(MESSAGE, lambda message: message, lambda message: size(render(message)), limit)
    counts = (len(message.findings), len(message.lines), len(message.quote), len(message.facts))
    return (*counts, len(message.gaps), message.left_out)


def test_whole_things_are_dropped_in_one_order_and_named() -> None:
    more = "2 more kinds of alarm and 170 more systems: open in the platform"
    assert kept(10_000) == (10, 30, 1_000, 10, 5, more)
    assert kept(3_300)[:5] == (8, 30, 1_000, 10, 5)
    assert kept(2_500)[:5] == (3, 15, 1_000, 10, 5)
    assert kept(1_500)[:5] == (3, 3, 487, 10, 5)
    assert kept(600) == (
        *(3, 3, 0, 3, 1),
        "9 more kinds of alarm, 197 more systems, 7 more facts, 4 more gaps and the quoted text: "
        "open in the platform",
    )
    assert kept(400) == (
        *(0, 2, 0, 3, 0),
        "12 more kinds of alarm, 198 more systems, 7 more facts, 5 more gaps and the quoted text: "
        "open in the platform",
    )


def test_title_summary_and_three_facts_always_stay() -> None:
    message = fit(MESSAGE, lambda message: message, lambda message: size(render(message)), 0)
    assert (message.title, message.summary, message.facts) == (
        MESSAGE.title,
        MESSAGE.summary,
        MESSAGE.facts[:3],
    )
    assert not message.gaps


def test_what_it_returns_is_within_the_limit() -> None:
    for limit in range(420, 4_500, 7):
        assert fit(MESSAGE, render, size, limit) is not None
        assert size(fit(MESSAGE, render, size, limit)) <= limit


def listed(*findings: Finding, **more: int) -> str:
    message = replace(MESSAGE, findings=findings, findings_total=len(findings), lines=(), lines_total=0)
    message = replace(message, **more)  # type: ignore[arg-type]
    return fit(message, lambda message: message, lambda message: size(render(message)), 10_000).left_out


def test_the_numbers_of_the_title_and_of_the_list_add_up_or_the_list_says_what_is_missing() -> None:
    four = Finding("d", 4, Severity.MALICIOUS)
    assert listed(four, malicious=4) == ""
    assert listed(four) == ""  # the numbers of the title are not known
    assert listed(four, malicious=7, suspicious=8) == (
        "Of kinds that the platform did not list: 3 malicious, 8 suspicious"
    )
    assert listed(four, malicious=1_007, findings_total=3) == (
        "2 more kinds of alarm (1,003 malicious): open in the platform"
    )


def test_what_is_folded_is_counted_where_it_is_missing() -> None:
    kinds = (*(Finding("d", 4, Severity.MALICIOUS),) * 4, Finding("s", 3, Severity.SUSPICIOUS))
    message = replace(MESSAGE, findings=kinds)
    lines = (Line("l", systems=7), Line("l"))
    assert folded_text(message, lines, "below") == (
        "2 more kinds of alarm (4 malicious, 3 suspicious) and 8 more systems: below"
    )
    assert folded_text(replace(MESSAGE, findings=kinds[:3]), (), "below") == ""
