"""Writes the results into docs/performance.md: `python -m bench.page`."""

from __future__ import annotations

import re

from bench import aws, results
from bench.figures import shown
from bench.processes import ROOT
from bench.results import BEFORE, RESULTS, Results

PAGE = ROOT / "docs" / "performance.md"
_CONCURRENCY = (2, 10, 100, 500)  # invocations at once


def filled(page: str, found: Results, before: Results | None) -> str:
    """The page with these results between its comments."""
    for name, text in (("results", _text(found, before)), ("aws", _on_aws(found))):
        place = re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- end of {name} -->)", re.S)
        page = place.sub(lambda _, text=text: text, page)  # type: ignore[misc]
    return page


def _text(found: Results, before: Results | None) -> str:
    machine = found.machine
    lines = [
        f"Measured on {found.date} at commit `{found.commit}`: {machine['processor']}, {machine['cores']}"
        f" cores, {machine['memory_gb']} GB, Linux {machine['kernel']}. The load average before was"
        f" {machine['load_at_start']}. It took {found.seconds:.0f} s.",
        "Versions: " + ", ".join(f"{name} {version}" for name, version in found.versions.items()) + ".",
    ]
    if machine["load_at_start"] > machine["cores"] / 4:
        lines.append(
            "**The machine had other work**, so every figure that depends on time is worse than it is."
        )
    if before:
        then = before.machine
        lines.append(
            f"*Before* is commit `{before.commit}`, measured on {before.date}: {then['processor']},"
            f" {then['cores']} cores, a load average of {then['load_at_start']}."
        )
    lines += ["", results.as_markdown(results.table(found, before)), ""]
    lines += [f"Not measured: {name}: {why}" for name, why in {**found.skipped, **found.failed}.items()]
    return "\n".join(lines).rstrip() + "\n"


def _on_aws(found: Results) -> str:
    """How many alarms a second a number of invocations at once can tell: a calculation."""
    milliseconds = found.measured().get("lambda_ms_queue")
    if milliseconds is None:
        return "The functions were not measured.\n"
    taken = milliseconds / 1000 * aws.slower(aws.memory_mb())
    lines = [["invocations at once", "alarms a second"]]
    lines += [[f"{number:,}", shown(number / taken)] for number in _CONCURRENCY]
    return (
        f"An alarm with one destination takes the queue's function {shown(milliseconds)} ms in the emulator,"
        f" and at most {shown(taken * 1000)} ms with its share of a core on AWS. So at least:\n\n"
        f"{results.as_markdown(lines)}\n"
    )


def main() -> None:
    found = results.read(RESULTS)
    if found is None:
        raise SystemExit("there are no results: make bench")
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(filled(page, found, results.read(BEFORE)), encoding="utf-8")


if __name__ == "__main__":
    main()
