"""`huntbridge report`: the figures of some weeks for a manager."""

from __future__ import annotations

from pathlib import Path

import click

from cli.assemble import load_config, reading_runtime
from cli.exit_codes import Failed
from cli.settings import settings
from cli.stack import on_stack
from console.report.csv_rows import as_csv
from console.report.html import as_html
from console.report.markdown import as_markdown
from shared.storage.queries.report import report as figures_of

FORMATS = {"html": as_html, "md": as_markdown, "csv": as_csv}


@click.command(short_help="The figures of some weeks, for a manager.")
@on_stack
@settings
@click.option(
    "--weeks",
    type=click.IntRange(1, 52),
    default=12,
    show_default=True,
    help="How many weeks the report covers.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(list(FORMATS)),
    default="md",
    show_default=True,
    help="One HTML file with charts, Markdown, or one value a line as CSV.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the report to this file. Without it, the report is printed.",
)
def report(config_path: str | None, data: Path, weeks: int, form: str, output: Path | None) -> None:
    """Report on hunts, coverage, cases, how fast people answered, and ATT&CK techniques.

    \b
    For a meeting:      huntbridge report --format html -o report.html
    For a spreadsheet:  huntbridge report --weeks 26 --format csv -o report.csv
    """
    runtime = reading_runtime(load_config(config_path), data)
    text = FORMATS[form](figures_of(runtime.queries, runtime.now(), weeks))
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise Failed(f"{output} cannot be written: {error.strerror}") from None
    click.echo(f"the report is in {output}")
