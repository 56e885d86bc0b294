"""Every screen of the console, in the order of the navigation.

To add a screen, write a module with `def blueprint(context: ConsoleContext) -> Blueprint` and add one line
here. The blueprint has the name of the page, and its first view is called `index`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from flask import Blueprint

from console.context import ConsoleContext
from console.pages import api, cases, coverage, deliveries, events, hunts, overview, report, rules, settings


class Page(NamedTuple):
    name: str  # of the blueprint
    title: str  # in the navigation; empty: the page is not in the navigation
    blueprint: Callable[[ConsoleContext], Blueprint]


PAGES: tuple[Page, ...] = (
    Page("overview", "Overview", overview.blueprint),
    Page("cases", "Cases", cases.blueprint),
    Page("hunts", "Hunts", hunts.blueprint),
    Page("coverage", "Coverage", coverage.blueprint),
    Page("deliveries", "Deliveries", deliveries.blueprint),
    Page("rules", "Rules", rules.blueprint),
    Page("settings", "Settings", settings.blueprint),
    Page("events", "", events.blueprint),
    Page("report", "", report.blueprint),
    Page("api", "", api.blueprint),
)
