"""What the platform can browse, as a test says it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from shared.platform.browse_answers import (
    AzureMachine,
    CloudPlace,
    Cluster,
    EcsContainer,
    EcsTask,
    GoogleMachine,
    LambdaFunction,
    Pod,
    PodContainer,
)
from shared.platform.errors import Refused


class FakeBrowse:
    """`lists`: what each question gives, by the question's words. A question that is not there gives nothing.
    An error there is raised. None stands for something without a usable name."""

    def __init__(self, **lists: Any) -> None:
        self.lists: dict[str, Any] = {key.replace("__", " "): value for key, value in lists.items()}
        self.asked: list[str] = []
        self._before: Callable[[], None] = lambda: None
        self._on_nameless: Callable[[int], None] = lambda count: None

    def counted(self, before: Callable[[], None], on_nameless: Callable[[int], None]) -> FakeBrowse:
        self._before, self._on_nameless = before, on_nameless
        return self

    def _list(self, *question: str) -> Iterator[Any]:
        self._before()
        text = " ".join(question)
        self.asked.append(text)
        answer = self.lists.get(text, ())
        if isinstance(answer, str):
            raise Refused(answer)
        self._on_nameless(sum(item is None for item in answer))
        yield from (item for item in answer if item is not None)

    def azure_subscriptions(self, account: str) -> Iterator[CloudPlace]:
        return self._list("subscriptions", account)

    def azure_groups(self, account: str, subscription: str) -> Iterator[str]:
        return self._list("groups", account, subscription)

    def azure_machines(
        self, account: str, subscription: str, group: str, *, name: str = "", tags: Any = ()
    ) -> Iterator[AzureMachine]:
        found = self._list("machines", account, subscription, group)
        return (machine for machine in found if not name or machine.name == name)

    def google_projects(self, account: str) -> Iterator[CloudPlace]:
        return self._list("projects", account)

    def google_machines(self, account: str, project: str, *, name: str = "") -> Iterator[GoogleMachine]:
        found = self._list("machines", account, project)
        return (machine for machine in found if not name or machine.name == name)

    def ecs_clusters(self, account: str, region: str) -> Iterator[str]:
        return self._list("clusters", account, region)

    def ecs_tasks(self, account: str, region: str, cluster: str) -> Iterator[EcsTask]:
        return self._list("tasks", account, region, cluster)

    def ecs_containers(self, account: str, region: str, cluster: str, task: str) -> Iterator[EcsContainer]:
        return self._list("containers", account, region, cluster, task)

    def functions(self, account: str, region: str) -> Iterator[LambdaFunction]:
        return self._list("functions", account, region)

    def clusters(self, kind: str, account: str, place: Mapping[str, str]) -> Iterator[Cluster]:
        return self._list(kind, "clusters", account, _where(place))

    def pods(self, kind: str, account: str, place: Mapping[str, str], cluster: str) -> Iterator[Pod]:
        return self._list(kind, "pods", account, _where(place), cluster)

    def containers(
        self, kind: str, account: str, place: Mapping[str, str], cluster: str, pod: Pod
    ) -> Iterator[PodContainer]:
        return self._list(kind, "containers", account, _where(place), cluster, pod.name)


def _where(place: Mapping[str, str]) -> str:
    """The place as one word; the zone of a Google cluster is known only below its cluster."""
    parts = (place.get(part, "") for part in ("subscription", "group", "project", "zone"))
    return "/".join(dict.fromkeys(part for part in parts if part))
