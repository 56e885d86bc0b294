"""The read model: what the console, the commands, the metrics and the digests show.

A query reads a bounded number of documents, however many the store holds. A page of a list costs at most
eight requests to DynamoDB.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from shared.storage.ledger.left_behind import LeftBehinds
from shared.storage.ports import Store
from shared.storage.queries.audit import AuditQueries
from shared.storage.queries.captures import CaptureQueries
from shared.storage.queries.cases import CaseQueries
from shared.storage.queries.coverage import CoverageQueries
from shared.storage.queries.deliveries import DeliveryQueries
from shared.storage.queries.events import EventQueries
from shared.storage.queries.findings_seen import FindingQueries
from shared.storage.queries.fleet import FleetQueries
from shared.storage.queries.hunts import HuntQueries
from shared.storage.queries.known_good import KnownGoodQueries
from shared.storage.queries.open_issues import OpenIssueQueries
from shared.storage.queries.overview import OverviewQuery
from shared.storage.queries.pulse import PulseQuery
from shared.storage.queries.trends import TrendQueries


class Queries:
    """All topics, on one store. Every method may raise StoreError, and BadToken if it takes a page."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self.cases = CaseQueries(store, now)
        self.open_issues = OpenIssueQueries(store)
        self.events = EventQueries(store, now)
        self.deliveries = DeliveryQueries(store, now)
        self.hunts = HuntQueries(store, now)
        self.findings = FindingQueries(store)
        self.captures = CaptureQueries(store, now)
        self.coverage = CoverageQueries(store, now)
        self.fleet = FleetQueries(store)
        self.known_good = KnownGoodQueries(store, now)
        self.overview = OverviewQuery(store, now)
        self.pulse = PulseQuery(store, now)
        self.trends = TrendQueries(store, now)
        self.audit = AuditQueries(store, now)
        self.left_behind = LeftBehinds(store).last
