"""Intelligence and the hunts of the last weeks: what it hit in them, and their evidence, which the platform
can process again with the rules of today."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from statistics import median

from shared.hosting.runtime import Runtime
from shared.models.captures import CaptureState
from shared.models.hunts import Hunt
from shared.models.intelligence import Hit, indicator_hit, rules_named_in
from shared.models.people import Person
from shared.platform.errors import CadoError, NotFound, Unauthorized, Unavailable
from shared.storage import audit

MOST_HUNTS = 200  # that are asked about
_USUAL_SLOTS = 5  # pipelines at once, if the platform does not say
_ENOUGH_TIMES = 200  # captures from which the time for one is derived


@dataclass(frozen=True)
class HuntHits:
    """What one's own intelligence hit in one hunt. `why_not`: why the platform could not be asked."""

    hunt: Hunt
    hits: tuple[tuple[Hit, int], ...] = ()  # with how many alarms, the most frequent first
    why_not: str = ""


@dataclass(frozen=True)
class Rerun:
    """Evidence that could be processed again."""

    evidence: tuple[tuple[str, int], ...]  # hunt ids and evidence ids, of the newest hunts first
    left_out: int = 0  # how many more there are than the limit
    hours: float | None = None  # at most, about; None: not known


@dataclass(frozen=True)
class Processed:
    """The outcome of a rerun."""

    started: int
    gone: int = 0  # the platform no longer has the evidence
    failed: tuple[str, ...] = ()
    stopped: str = ""  # why the rest was not asked for


def hunts_since(runtime: Runtime, since: datetime) -> Iterator[Hunt]:
    """The hunts that have a project, the newest first."""
    page = ""
    while True:
        rows = runtime.queries.hunts.runs(page=page)
        for hunt in rows.rows:
            if hunt.scheduled_at < since:
                return
            if hunt.project_id is not None:
                yield hunt
        if not (page := rows.next):
            return


def hits_since(runtime: Runtime, since: datetime) -> Iterator[HuntHits]:
    for hunt in islice(hunts_since(runtime, since), MOST_HUNTS):
        try:
            yield HuntHits(hunt, _hits(runtime, hunt))
        except NotFound:
            yield HuntHits(hunt, why_not="its project is no longer on the platform")
        except Unauthorized:
            raise
        except CadoError as error:
            yield HuntHits(hunt, why_not=str(error))


def _hits(runtime: Runtime, hunt: Hunt) -> tuple[tuple[Hit, int], ...]:
    assert hunt.project_id is not None
    feeds = hunt.intelligence.feeds if hunt.intelligence else ()
    found: Counter[Hit] = Counter()
    for finding in runtime.cado.findings(hunt.project_id):
        for hit in rules_named_in(finding.description, feeds):
            found[hit] += finding.count
    told = {hit.named for hit in found}
    for detected in runtime.cado.intelligence.detected(hunt.project_id):
        rules = rules_named_in(detected.indicator, feeds)
        own = rules or tuple(filter(None, [indicator_hit(detected.indicator, detected.description)]))
        found.update(hit for hit in own if hit.named not in told)
    return tuple(found.most_common())


def rerun(runtime: Runtime, since: datetime, limit: int) -> Rerun:
    """Which evidence would be processed again, at most `limit`."""
    evidence: dict[int, str] = {}
    seconds: list[float] = []
    for hunt in hunts_since(runtime, since):
        for capture in runtime.ledger.captures.of_hunt(hunt.id):
            if capture.state is not CaptureState.PROCESSED:
                continue
            evidence |= {id: hunt.id for id in capture.evidence_ids if id not in evidence}
            if capture.requested_at and capture.ended_at and len(seconds) < _ENOUGH_TIMES:
                seconds.append((capture.ended_at - capture.requested_at).total_seconds())
    chosen = [(hunt_id, id) for id, hunt_id in list(evidence.items())[:limit]]
    hours = median(seconds) * len(chosen) / _slots(runtime) / 3_600 if seconds else None
    return Rerun(tuple(chosen), len(evidence) - len(chosen), hours)


def process_again(runtime: Runtime, evidence: Iterable[tuple[str, int]], person: Person) -> Processed:
    """Ask the platform to process this evidence again. Each request is sent once; after a refusal of the key,
    or if the platform is down, the rest is not asked for."""
    started, gone, failed, stopped = 0, 0, [], ""
    for hunt_id, id in evidence:
        try:
            runtime.cado.intelligence.process_again(id)
            started += 1
        except NotFound:
            gone += 1
        except Unauthorized as error:
            stopped = str(error)
            break
        except Unavailable as error:
            if not error.ambiguous:
                stopped = str(error)
                break
            failed.append(f"evidence {id} of {hunt_id}: it is not known whether it was started: {error}")
        except CadoError as error:
            failed.append(f"evidence {id} of {hunt_id}: {error}")
    after = {"started": started, "gone": gone, "failed": len(failed), "stopped": stopped}
    about = runtime.config.intelligence_name
    entry = audit.Entry(runtime.now(), audit.INTELLIGENCE_RERUN, person.name, person.origin, about, {}, after)
    audit.record(runtime.store, entry, f"{audit.INTELLIGENCE_RERUN} {about}")
    return Processed(started, gone, tuple(failed), stopped)


def _slots(runtime: Runtime) -> int:
    try:
        return runtime.cado.pipelines_status().limit or _USUAL_SLOTS
    except CadoError:
        return _USUAL_SLOTS
