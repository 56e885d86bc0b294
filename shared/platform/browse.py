"""The platform's browse calls: which systems it sees in the cloud accounts that it knows, level by level.

The roles Administrator, Lead Analyst and Analyst may browse. A list is read page by page, so that a caller
who stops early asks for nothing more. `account` is always the account's name on the platform; an empty one
means "Default".
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, TypeVar

from shared.models.systems import Kind
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
from shared.platform.errors import NotFound, Refused
from shared.platform.kind_calls import CALLS, plural, since_error
from shared.platform.paging import by_cursor, by_page
from shared.platform.transport import Transport
from shared.platform.wire import JsonObject, parse, unwrap
from shared.platform.wire_imports import (
    AzureMachineJson,
    ClusterJson,
    ContainerJson,
    ContainersJson,
    FunctionJson,
    GoogleMachineJson,
    GoogleProjectJson,
    GroupJson,
    PodJson,
    SubscriptionJson,
    TaskJson,
    azure_machine_from,
    cluster_from,
    cluster_name_from,
    ecs_container_from,
    function_from,
    google_machine_from,
    group_from,
    pod_container_from,
    pod_from,
    project_from,
    subscription_from,
    task_from,
)

log = logging.getLogger(__name__)

J = TypeVar("J", bound=JsonObject)
T = TypeVar("T")


class Browse:
    """Safe to use from several threads. Every method raises CadoError."""

    def __init__(
        self,
        transport: Transport,
        version: Callable[[], str],
        before: Callable[[], None] = lambda: None,
        on_nameless: Callable[[int], None] = lambda count: None,
    ) -> None:
        """`before` is called before each request. What it raises ends the list. `on_nameless` is called with
        the number of items that a list leaves out, since they have no usable name."""
        self._transport, self._version = transport, version
        self._before, self._on_nameless = before, on_nameless

    def counted(
        self, before: Callable[[], None], on_nameless: Callable[[int], None] = lambda count: None
    ) -> Browse:
        """The same calls, with `before` called before each request: to count the requests, or to end them by
        an error of the caller's own."""
        return Browse(self._transport, self._version, before, on_nameless)

    # --- Azure

    def azure_subscriptions(self, account: str) -> Iterator[CloudPlace]:
        path = "azure/management/subscriptions"
        return self._paged(Kind.AZURE_VM, path, _of(account), SubscriptionJson, subscription_from)

    def azure_groups(self, account: str, subscription: str) -> Iterator[str]:
        """The names of the resource groups of a subscription."""
        params = _of(account) | {"subscription_id": subscription}
        return self._paged(Kind.AZURE_VM, "azure/management/resource-groups", params, GroupJson, group_from)

    def azure_machines(
        self, account: str, subscription: str, group: str, *, name: str = "", tags: Collection[str] = ()
    ) -> Iterator[AzureMachine]:
        """The machines of a resource group. `name` and `tags` (`key:value`) are the platform's filters;
        whether it compares a name or a tag as a whole is not public."""
        params = _of(account) | {"subscription_id": subscription, "resource_group": group}
        params |= {"vm_name": name} if name else {}
        params |= {"tags": list(tags)} if tags else {}
        return self._paged(
            Kind.AZURE_VM, "azure/virtual-machine", params, AzureMachineJson, azure_machine_from
        )

    # --- Google

    def google_projects(self, account: str) -> Iterator[CloudPlace]:
        path = "gcp/resource-manager/projects"
        return self._paged(Kind.GCE, path, _of(account), GoogleProjectJson, project_from)

    def google_machines(
        self,
        account: str,
        project: str,
        *,
        name: str = "",
        state: str = "",
        labels: Collection[str] = (),
    ) -> Iterator[GoogleMachine]:
        """The machines of a project, in all zones. `name`, `state` and `labels` (`key:value`) are the
        platform's filters."""
        params = _of(account) | {"gcp_project": project}
        params |= {"instance_name": name} if name else {}
        params |= {"state": state} if state else {}
        params |= {"label": list(labels)} if labels else {}
        return self._paged(Kind.GCE, "gcp/gce", params, GoogleMachineJson, google_machine_from)

    # --- ECS and Lambda

    def ecs_clusters(self, account: str, region: str) -> Iterator[str]:
        """Their names, which are very likely whole ARNs."""
        params = _of(account) | {"region": region}
        return self._cursor(Kind.ECS, "aws/ecs/clusters", params, ClusterJson, cluster_name_from)

    def ecs_tasks(self, account: str, region: str, cluster: str) -> Iterator[EcsTask]:
        params = _of(account) | {"region": region, "cluster_name": cluster}
        return self._cursor(Kind.ECS, "aws/ecs/tasks", params, TaskJson, task_from)

    def ecs_containers(self, account: str, region: str, cluster: str, task: str) -> Iterator[EcsContainer]:
        path = "aws/ecs/containers"
        params = _of(account) | {"region": region, "cluster_name": cluster, "task_name": task}
        answer = self._read(Kind.ECS, path, params)
        return self._items(path, parse(ContainersJson, unwrap(answer)).containers, ecs_container_from)

    def functions(self, account: str, region: str) -> Iterator[LambdaFunction]:
        params = {"cloud_id": account or "Default", "region": region}
        return self._cursor(Kind.LAMBDA, "aws/lambda", params, FunctionJson, function_from)

    # --- Kubernetes

    def clusters(self, kind: Kind, account: str, place: Mapping[str, str]) -> Iterator[Cluster]:
        """The clusters of a place, under the names that these parts have in a system's id. A place is a
        region for EKS, a subscription and a group for AKS, and a project for GKE. The calls below need the
        zone of a GKE cluster, too."""
        path = f"{CALLS[kind].path}/clusters"
        return self._paged(kind, path, self._kubernetes(kind, account, place), ClusterJson, cluster_from)

    def pods(self, kind: Kind, account: str, place: Mapping[str, str], cluster: str) -> Iterator[Pod]:
        path = f"{CALLS[kind].path}/pods"
        params = self._kubernetes(kind, account, place) | {"cluster_name": cluster}
        return self._paged(kind, path, params, PodJson, pod_from)

    def containers(
        self, kind: Kind, account: str, place: Mapping[str, str], cluster: str, pod: Pod
    ) -> Iterator[PodContainer]:
        path = f"{CALLS[kind].path}/containers"
        params = self._kubernetes(kind, account, place) | {"cluster_name": cluster}
        params |= {"pod_name": pod.name, "pod_namespace": pod.namespace}
        return self._paged(kind, path, params, ContainerJson, pod_container_from)

    @staticmethod
    def _kubernetes(kind: Kind, account: str, place: Mapping[str, str]) -> dict[str, Any]:
        names = CALLS[kind].parameters
        return _of(account) | {names[part]: value for part, value in place.items() if part in names}

    # --- parts of the above

    def _paged(
        self, kind: Kind, path: str, params: Mapping[str, Any], json: type[J], made: Callable[[J], T | None]
    ) -> Iterator[T]:
        items = by_page(lambda page: self._read(kind, path, {**params, **page}))
        return self._items(path, (parse(json, item) for item in items), made)

    def _cursor(
        self, kind: Kind, path: str, params: Mapping[str, Any], json: type[J], made: Callable[[J], T | None]
    ) -> Iterator[T]:
        items = by_cursor(lambda page: self._read(kind, path, {**params, **page}))
        return self._items(path, (parse(json, item) for item in items), made)

    def _read(self, kind: Kind, path: str, params: Mapping[str, Any]) -> Any:
        self._before()
        try:
            return self._transport.read(
                f"/api/v3/import/{path}", params, what=f"the list of {plural(kind)} that was asked for"
            )
        except (NotFound, Refused) as error:
            raise since_error(error, kind, "listing", self._version) from None

    def _items(self, path: str, items: Iterator[J] | list[J], made: Callable[[J], T | None]) -> Iterator[T]:
        """Each item once. An item that cannot be told by its names is left out and counted."""
        seen: set[str] = set()
        nameless = 0
        for json in items:
            item = made(json)
            if item is None:
                nameless += 1
            elif (mark := repr(item)) not in seen:
                seen.add(mark)
                yield item
        if nameless:
            extra = {"list": path, "left_out": nameless}
            log.warning("the platform listed something without a usable name", extra=extra)
            self._on_nameless(nameless)


def _of(account: str) -> dict[str, Any]:
    return {"account_name": account or "Default"}
