"""One's own intelligence at a hunt: in force before the first capture, or named as missing."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from demo.platform.records import SimAlarm, SimVolume
from receiver.destinations.slack import blocks as slack
from receiver.destinations.teams import card as teams
from receiver.events.enrich import Enricher
from receiver.messages.compose import compose
from scheduler import custody
from scheduler.intelligence import by_hand, past_hunts
from scheduler.intelligence.files import read_set
from scheduler.report import report
from shared.models.events import Event
from shared.models.hunts import HuntState
from shared.models.intelligence import Force, IntelligenceSet, intelligence_hash
from shared.models.marked_section import read
from shared.models.people import Person
from tests.receiver.destinations.jira.checks import jira_issue
from tests.scheduler.staging import BAD, QUIET

HAND = "rule by_hand { condition: false }\n"
RULE = "rule evil { condition: true }\n"
FOUND = SimAlarm("Malicious File Detected: hb_feed_evil", by_rule="hb_feed_evil", path="/tmp/x")


@pytest.fixture
def files(tmp_path):
    (tmp_path / "feed.yar").write_text(RULE)
    (tmp_path / "feed.txt").write_text("evil.example;C2\n")
    return {"indicators": (str(tmp_path / "*.txt"),), "yara": (str(tmp_path / "*.yar"),)}


def section(stage) -> str:
    return read(stage.platform.world.rules.yara, "huntbridge").body or ""


def project(stage):
    (project,) = stage.platform.world.projects.values()
    return project


def test_rules_and_indicators_are_in_force_before_the_first_capture(make_stage, files):
    stage = make_stage(fleet=(QUIET,), intelligence=files)
    stage.platform.world.rules.yara = HAND
    stage.start()
    stage.work()
    requests = [(request.method, request.path.removeprefix("/api/v3")) for request in stage.platform.requests]
    first_capture = requests.index(("POST", "/import/aws/ec2"))
    assert requests.index(("PATCH", "/intelligence")) < first_capture
    assert requests.index(("PATCH", f"/projects/{project(stage).id}")) < first_capture
    assert project(stage).ioc == "evil.example;hb:feed:C2\n"
    assert "rule hb_feed_evil" in section(stage)
    assert read(stage.platform.world.rules.yara, "huntbridge").outside == HAND
    in_force = stage.hunt().intelligence
    assert (in_force.state, in_force.rules, in_force.indicators, in_force.feeds) == (
        Force.IN_FORCE,
        1,
        1,
        ("feed",),
    )
    assert stage.hunt().problems == ()


def test_custody_and_report_name_what_was_in_force(make_stage, files):
    stage = make_stage(fleet=(QUIET,), intelligence=files)
    stage.start()
    stage.run_to_end()
    hunt, captures = stage.hunt(), [*stage.captures().values()]
    made = report(stage.runtime.ledger, hunt, captures, "", stage.now())
    assert made.intelligence == hunt.intelligence
    page = custody.as_markdown(hunt, made, captures, {}, stage.now(), "https://cado.example")
    assert hunt.intelligence.hash in page
    assert "in force: 1 rule, 1 indicator; feed" in page
    assert hunt.intelligence.hash in custody.as_csv(hunt, captures, {})


def test_the_next_hunt_writes_nothing_if_nothing_changed(make_stage, files):
    stage = make_stage(fleet=(QUIET,), intelligence=files)
    for _ in range(2):
        stage.start(stage.moment)
        stage.run_to_end()
    writes = [request for request in stage.platform.requests if request.method == "PATCH"]
    assert [request.path for request in writes if request.path.endswith("/intelligence")] == [
        "/api/v3/intelligence"
    ]


def test_a_section_that_somebody_deleted_is_put_back(make_stage, files):
    stage = make_stage(fleet=(QUIET,), intelligence=files)
    stage.start()
    stage.run_to_end()
    stage.platform.world.rules.yara = HAND
    stage.start(stage.moment)
    stage.work()
    assert "rule hb_feed_evil" in section(stage)


def test_a_broken_rule_is_named_and_the_hunt_runs_all_the_same(make_stage, files, tmp_path):
    (tmp_path / "bad.yar").write_text("rule ok { condition: true }\nrule bad { condition: $x }\n")
    stage = make_stage(fleet=(QUIET,), intelligence=files)
    stage.start()
    stage.run_to_end()
    assert stage.hunt().state is HuntState.FINISHED
    (problem,) = stage.hunt().problems
    assert problem.startswith(f"intelligence: {tmp_path}/bad.yar:2: unknown pattern")
    assert stage.hunt().intelligence.state is Force.NOT
    assert section(stage) == ""


def test_a_hunt_that_requires_what_is_not_in_force_captures_nothing(make_stage, files, tmp_path):
    (tmp_path / "bad.txt").write_text("d41d8cd98f00b204e9800998ecf8427e\n")
    stage = make_stage(fleet=(QUIET,), intelligence=files | {"required": True})
    stage.start()
    stage.run_to_end()
    assert stage.hunt().state is HuntState.FAILED
    assert "the required intelligence is not in force" in stage.hunt().reason
    assert "bad.txt:1: is an MD5" in stage.hunt().reason
    assert not stage.platform.asked


def test_a_run_keeps_what_it_requires_where_the_configuration_has_none_of_it(make_stage, files):
    """`hunt run` planned it with a newer configuration than that of the running server."""
    stage = make_stage(fleet=(QUIET,), intelligence=files | {"required": True})
    stage.start()
    stage.runtime.config = stage.runtime.config.model_copy(update={"intelligence": None})
    stage.run_to_end()
    assert stage.hunt().state is HuntState.FAILED
    assert stage.hunt().reason.startswith("it was planned with required intelligence")
    assert not stage.platform.asked


@pytest.mark.parametrize(
    ("version", "state", "said"),
    [
        ("2.283.0", Force.PARTLY, "a project has its own since 2.284"),
        ("2.233.0", Force.NOT, "its API has since 2.234"),
    ],
)
def test_a_platform_that_is_too_old(make_stage, files, version, state, said):
    stage = make_stage(fleet=(QUIET,), intelligence=files, version=version)
    stage.start()
    stage.run_to_end()
    assert stage.hunt().state is HuntState.FINISHED
    assert stage.hunt().intelligence.state is state
    assert any(said in problem for problem in stage.hunt().problems)


def test_a_platform_that_is_down_for_a_moment(make_stage, files):
    stage = make_stage(fleet=(QUIET,), intelligence=files)
    stage.platform.fault("GET", "/intelligence", 503, times=3)
    stage.start()
    stage.work()
    assert stage.hunt().project_id is None
    stage.forward(60)
    stage.work()
    assert stage.hunt().intelligence.state is Force.IN_FORCE
    assert len(stage.platform.world.projects) == 1


def test_a_platform_that_cannot_give_its_intelligence_holds_up_no_hunt(make_stage, files):
    stage = make_stage(fleet=(QUIET,), intelligence=files)
    stage.platform.fault("GET", "/intelligence", 503, times=None)
    stage.start()
    for _ in range(6):
        stage.work()
        stage.forward(120)
    assert stage.hunt().project_id is not None
    assert stage.hunt().intelligence.state is Force.PARTLY
    assert any("503" in problem for problem in stage.hunt().problems)


def test_a_hunt_that_takes_none(make_stage, files):
    stage = make_stage(fleet=(QUIET,), intelligence=files, hunt={"intelligence": False})
    stage.start()
    stage.work()
    assert stage.hunt().intelligence is None
    assert project(stage).ioc == ""


def test_on_aws_the_stored_set_is_taken(make_stage, files):
    stage = make_stage(fleet=(QUIET,), intelligence=files)
    stage.runtime.reads_files = False
    stage.start()
    stage.work()
    assert any("intelligence push --stack" in problem for problem in stage.hunt().problems)
    rules = "rule hb_stored_a { condition: true }"
    stored = IntelligenceSet(rules, {"stored": 1}, {"stored": ("evil.example;hb:stored",)}, {"": ("stored",)})
    stage.runtime.ledger.intelligence.save_set(stored)
    stage.run_to_end()
    stage.start(stage.moment)
    stage.work()
    newest = stage.runtime.ledger.hunts.of_name("weekly")[0]
    assert newest.intelligence.state is Force.IN_FORCE
    assert newest.intelligence.hash == intelligence_hash(rules, "evil.example;hb:stored\n")


def test_a_set_that_is_larger_than_a_document(stage):
    rules = "\n".join(
        f'rule hb_x_r{n} {{ strings: $a = "{n * 7919:x}" condition: $a }}' for n in range(30_000)
    )
    ledger = stage.runtime.ledger.intelligence
    ledger.save_set(IntelligenceSet(rules))
    ledger.save_set(IntelligenceSet(rules + "\n"))
    assert ledger.current_set().rules == rules + "\n"
    for n in range(5):
        stage.forward(1)
        ledger.keep_text(f"text {n}")
    assert [ledger.text(kept) for kept in ledger.kept_texts()] == ["text 4", "text 3", "text 2"]


def test_evidence_that_is_processed_again_is_searched_with_the_rules_of_today(make_stage, tmp_path):
    machine = replace(BAD, volumes=(SimVolume("vol-0000000b1", alarms=(FOUND,)),))
    pattern = str(tmp_path / "*.yar")
    stage = make_stage(fleet=(machine,), hunt={"intelligence": False}, intelligence={"yara": pattern})
    stage.start()
    stage.run_to_end()
    assert stage.platform.world.alarms == []
    (tmp_path / "feed.yar").write_text(RULE)
    runtime, ada, since = stage.runtime, Person("ada", "here"), stage.hunt().scheduled_at
    assert by_hand.push(runtime, read_set(runtime.config), ada).pushed.written
    planned = past_hunts.rerun(runtime, since, 200)
    assert len(planned.evidence) == 1
    assert past_hunts.process_again(runtime, planned.evidence, ada).started == 1
    stage.run_platform()
    (found,) = past_hunts.hits_since(runtime, since)
    assert [(hit.named, count) for hit, count in found.hits] == [("hb_feed_evil", 1)]


def test_hits_of_a_hunt_are_named_first_at_slack_teams_and_jira(make_stage, files):
    c2 = SimAlarm("Indicator found", by_indicator="evil.example", severity=3, path="/etc/cron.d/x")
    other = SimAlarm("Malicious File Detected: php_backdoor", count=3, path="/var/www/x.php")
    machine = replace(BAD, volumes=(SimVolume("vol-0000000b1", alarms=(other, FOUND, c2)),))
    stage = make_stage(fleet=(machine,), intelligence=files)
    stage.start()
    stage.run_to_end()
    (capture,) = stage.captures().values()
    event = Event(
        "e1",
        "processing_with_alarms",
        stage.now(),
        project_id=stage.hunt().project_id,
        evidence_id=capture.evidence_ids[0],
    )
    alarm = Enricher(stage.runtime.ledger, stage.runtime.cado, None, stage.runtime.config).enrich(event)
    message = compose(alarm)
    assert message.title.startswith("Your rule hb_feed_evil of feed feed and 1 more of yours: 4 malicious")
    assert message.facts[0].value == (
        "rule hb_feed_evil of feed feed; indicator evil[.]example of feed feed (C2)"
    )
    assert message.findings[0].description == "Malicious File Detected: hb_feed_evil"
    assert message.title in slack.payload(message)["blocks"][0]["text"]["text"]
    assert message.title in json.loads(teams.payload(message))["attachments"][0]["content"]["fallbackText"]
    assert jira_issue(message, cloud=True)["fields"]["summary"] == message.title
