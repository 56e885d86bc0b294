"""The durable record of hunts, captures, events, cases and deliveries."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from shared.storage.ledger.captures import Captures
from shared.storage.ledger.case_references import CaseReferences
from shared.storage.ledger.cases import Cases
from shared.storage.ledger.coverage import Listings
from shared.storage.ledger.deliveries import Deliveries
from shared.storage.ledger.events import Events
from shared.storage.ledger.findings import Findings
from shared.storage.ledger.fleet import FleetRecords
from shared.storage.ledger.hunts import Hunts
from shared.storage.ledger.instance_names import InstanceNames
from shared.storage.ledger.intelligence import KeptIntelligence
from shared.storage.ledger.known_good import KnownGood
from shared.storage.ledger.left_behind import LeftBehinds
from shared.storage.ledger.mutes import Mutes
from shared.storage.ledger.notes import Notes
from shared.storage.ledger.systems import Systems
from shared.storage.ledger.vulnerabilities import VulnerabilityRecords
from shared.storage.ledger.waiting_digests import WaitingDigests
from shared.storage.ledger.weeks import Weeks
from shared.storage.ports import Store


class Ledger:
    """All parts of the ledger, on one store. Every method of a part may raise StoreError."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self.captures = Captures(store, now)
        self.systems = Systems(store, now)
        self.listings = Listings(store)
        self.fleet = FleetRecords(store)
        self.vulnerabilities = VulnerabilityRecords(store)
        self.left_behind = LeftBehinds(store)
        self.weeks = Weeks(store)
        self.hunts = Hunts(store, now, self.captures)
        self.events = Events(store, now)
        self.deliveries = Deliveries(store, now)
        self.waiting_digests = WaitingDigests(store, now)
        self.cases = Cases(store, now)
        self.case_references = CaseReferences(store, now)
        self.findings = Findings(store)
        self.known_good = KnownGood(store, now)
        self.intelligence = KeptIntelligence(store, now)
        self.instance_names = InstanceNames(store)
        self.mutes = Mutes(store, now)
        self.notes = Notes(store)
