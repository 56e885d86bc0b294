"""API v3: custom YARA rules and indicators, and what they found."""

from __future__ import annotations

from typing import Any

from demo.platform.calls import Call, Field
from demo.platform.v3.answers import Answer
from demo.platform.v3.evidence import known_evidence
from demo.platform.v3.projects import known_project

DEFAULT_RULES = "rule builtin_example { condition: false }"


def get_intelligence(call: Call) -> Answer:
    rules = call.world.rules
    wanted = {name for name in ("yara", "ioc") if call.flag(name)} or {"yara", "ioc"}
    data: dict[str, Any] = {"yara": {"custom_data": "", "default_data": ""}, "ioc": {"custom_data": {}}}
    if "yara" in wanted:
        data["yara"] = {"custom_data": rules.yara, "default_data": DEFAULT_RULES}
    if "ioc" in wanted:
        data["ioc"] = {"custom_data": {"user_input": rules.ioc}}
    return Answer(data)


def update_intelligence(call: Call) -> Answer:
    body = call.body({"yara": Field(str), "ioc": Field(str)})
    if "yara" in body:
        call.world.rules.write_yara(body["yara"])
    if "ioc" in body:
        call.world.rules.ioc = body["ioc"]
    return Answer({"message": "Intelligence settings updated"})


def list_indicators(call: Call) -> Answer:
    project = known_project(call, call.number("investigation_id", required=True))
    evidence_id = call.number("evidence_id")
    call.text("filter", ("matched", "extracted"))
    detected = [
        {
            "project_id": alarm.project_id,
            "evidence_id": alarm.evidence_id,
            "type": "Yara" if alarm.kind.by_rule else "Keyword",
            "evidence_name": alarm.evidence_name,
            "description": alarm.kind.said,
            "indicator": alarm.kind.by_rule or alarm.kind.by_indicator,
        }
        for alarm in call.world.alarms_of(project.id)
        if (alarm.kind.by_rule or alarm.kind.by_indicator) and evidence_id in (None, alarm.evidence_id)
    ]
    return Answer({"detected_iocs": detected, "indicators": [each["indicator"] for each in detected]})


def process_evidence(call: Call) -> Answer:
    evidence = known_evidence(call, call.body({"evidence_id": Field(int, required=True)})["evidence_id"])
    pipeline = call.world.process_again(evidence, call.user, call.now)
    return Answer({"pipeline_id": pipeline.id}, status=201)
