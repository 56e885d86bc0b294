"""What is known of the agent of an EC2 instance, through which a triage runs."""

from __future__ import annotations

from collections.abc import Iterator

from scheduler.preflight import codes
from scheduler.preflight.codes import Found
from scheduler.preflight.facts import COMMAND_RIGHT, TAG, TAG_CONDITION, TAG_VALUE, Facts, Target
from shared.models.inspection import Agent, Decision

_CONDITION = TAG_CONDITION.lower()


def triage_rules(facts: Facts) -> Iterator[Found]:
    by_tag = _accounts_with_tag(facts)
    for target in facts.ec2():
        if target.takes_disks:
            continue
        yield from _agent(facts, target)
        has_tag = not target.instance or target.instance.tags.get(TAG) == TAG_VALUE
        if target.system.account in by_tag and not has_tag:
            yield Found(codes.SSM_TAG, (target.system,), words=(("tag", f"{TAG}: {TAG_VALUE}"),))


def _agent(facts: Facts, target: Target) -> Iterator[Found]:
    agents = facts.agents.given.get(target.place)
    runs = target.instance is None or target.instance.state == "running"
    if agents is None or not runs:  # of a stopped machine the rule about its state speaks
        return
    agent = agents.get(target.system.instance, Agent("absent"))
    if agent.ping != "Online":
        yield Found(codes.AGENT, (target.system,))


def _accounts_with_tag(facts: Facts) -> set[str]:
    """Where the role may run commands only on machines with the tag. The simulation is asked twice: without
    the tag the decision depends on it, and with it the right is there."""
    needs, works = set(), set()
    for asked, decisions in facts.simulated.given.items():
        for (action, _), one in decisions.items():
            if action != COMMAND_RIGHT:
                continue
            if asked.has_tag and one.decision is Decision.ALLOWED:
                works.add(asked.account)
            elif not asked.has_tag and _CONDITION in (name.lower() for name in one.missing):
                needs.add(asked.account)
    return needs & works
