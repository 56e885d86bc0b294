"""One system of each kind other than EC2 for the simulated platform, and how a client asks about each."""

from __future__ import annotations

from typing import Any

from demo.platform.records import SimAlarm, SimSystem, SimVolume

MINER = SimAlarm("Malicious File Detected: cryptomining_malware_wannamine", 1, 5, ("T1496",), "/tmp/.x/m")

SUBSCRIPTION, CLUSTER = "0f8fad5b-d9cb-469f-a165-70867728950e", "arn:aws:ecs:us-east-1:1:cluster/web"
POD = {"cluster": "blue", "namespace": "shop", "pod": "web-5d4f8c7b9d-x2x4z", "container": "app"}
AZURE = SimSystem(
    "azure_vm", "azure-main", {"subscription": SUBSCRIPTION, "group": "RG-Web", "vm": "Web-1"},
    volumes=(SimVolume("Web-1_OsDisk", 64, (MINER,)), SimVolume("Web-1_Data", 128)), hostname="web-1",
    tags={"Env": "prod"},
)  # fmt: skip
STOPPED = SimSystem(
    "azure_vm",
    "azure-main",
    {"subscription": SUBSCRIPTION, "group": "RG-Web", "vm": "old"},
    state="STOPPED",
)
GOOGLE = SimSystem(
    "gce", "gcp-main", {"project": "shop-1", "zone": "europe-west1-b", "vm": "db-1"},
    volumes=(SimVolume("db-1", 10), SimVolume("db-1-data", 500)), tags={"env": "prod"},
)  # fmt: skip
ECS = SimSystem(
    "ecs", "prod", {"region": "us-east-1", "cluster": CLUSTER, "task": f"{CLUSTER}/task1", "container": "app"}
)
OLD_TASK = SimSystem(
    "ecs", "prod", {"region": "us-east-1", "cluster": CLUSTER, "task": "old", "container": "app"},
    importable=False,
)  # fmt: skip
OFFLINE = SimSystem(
    "ecs", "prod", {"region": "us-east-1", "cluster": CLUSTER, "task": "new", "container": "log"},
    online=False,
)  # fmt: skip
EKS = SimSystem(
    "eks",
    "prod",
    {"region": "us-east-1", **POD},
    image="registry/app:1",
    volumes=(SimVolume("app", 1, (MINER,)),),
)
PRIVATE = SimSystem("eks", "prod", {"region": "us-east-1", **POD, "cluster": "hidden"}, private=True)
AKS = SimSystem("aks", "azure-main", {"subscription": SUBSCRIPTION, "group": "rg-aks", **POD})
GKE = SimSystem("gke", "gcp-main", {"project": "shop-1", "zone": "europe-west1", **POD})
FUNCTION = SimSystem("lambda", "prod", {"region": "us-east-1", "function": "billing"}, image="Image")
SYSTEMS = (AZURE, STOPPED, GOOGLE, ECS, OLD_TASK, OFFLINE, EKS, PRIVATE, AKS, GKE, FUNCTION)

PAGE = "page=1&per_page=100"
_AZ = f"account_name=azure-main&subscription_id={SUBSCRIPTION}"
_AKS = f"{_AZ}&resource_group=rg-aks&{PAGE}"
_ECS = "account_name=prod&region=us-east-1&per_page=100"
_EKS = f"account_name=prod&cluster_region=us-east-1&{PAGE}"
_GKE = f"account_name=gcp-main&gcp_project_id=shop-1&{PAGE}"
_POD = "cluster_name=blue&pod_name=web-5d4f8c7b9d-x2x4z&pod_namespace=shop"
POD_BODY = {
    "cluster_name": "blue", "pod_namespace": "shop", "pod_name": "web-5d4f8c7b9d-x2x4z",
    "container_name": "app", "investigation_id": 11, "host_options": {},
}  # fmt: skip
BODIES: dict[str, dict[str, Any]] = {
    "/import/azure/virtual-machine": {
        "account_name": "azure-main", "investigation_id": 11, "vm_name": "web-1",
        "subscription_id": SUBSCRIPTION, "resource_group": "rg-web", "acquire_with_host": False,
    },
    "/import/gcp/gce": {
        "account_name": "gcp-main", "investigation_id": 11, "instance_name": "db-1",
        "instance_project": "shop-1", "zone": "europe-west1-b", "gcs_project": "f", "gcs_bucket": "b",
    },
    "/import/aws/ecs": {
        "account_name": "prod", "investigation_id": 11, "region": "us-east-1", "cluster_name": CLUSTER,
        "task_name": f"{CLUSTER}/task1", "container_name": "app", "host_options": {},
    },
    "/import/aws/eks": {**POD_BODY, "account_name": "prod", "cluster_region": "us-east-1"},
    "/import/azure/aks": {
        **POD_BODY, "account_name": "azure-main", "subscription_id": SUBSCRIPTION,
        "resource_group": "rg-aks",
    },
    "/import/gcp/gke": {
        **POD_BODY, "account_name": "gcp-main", "gcp_project_id": "shop-1", "cluster_zone": "europe-west1",
    },
    "/import/aws/lambda": {
        "cloud_id": "prod", "project_id": 11, "region": "us-east-1", "function": "billing",
    },
}  # fmt: skip
QUERIES = {
    "/import/azure/management/subscriptions": "account_name=azure-main",
    "/import/azure/management/resource-groups": _AZ,
    "/import/azure/virtual-machine": f"{_AZ}&resource_group=rg-web&tags=Env:prod&{PAGE}",
    "/import/azure/aks/clusters": _AKS,
    "/import/azure/aks/pods": f"{_AKS}&cluster_name=blue",
    "/import/azure/aks/containers": f"{_AKS}&{_POD}",
    "/import/gcp/resource-manager/projects": "account_name=gcp-main",
    "/import/gcp/gce": f"account_name=gcp-main&gcp_project=shop-1&{PAGE}",
    "/import/gcp/gke/clusters": _GKE,
    "/import/gcp/gke/pods": f"{_GKE}&cluster_zone=europe-west1&cluster_name=blue",
    "/import/gcp/gke/containers": f"{_GKE}&cluster_zone=europe-west1&{_POD}",
    "/import/aws/ecs/clusters": _ECS,
    "/import/aws/ecs/tasks": f"{_ECS}&cluster_name={CLUSTER}",
    "/import/aws/ecs/containers": f"{_ECS}&cluster_name={CLUSTER}&task_name={CLUSTER}/task1",
    "/import/aws/eks/clusters": _EKS,
    "/import/aws/eks/pods": f"{_EKS}&cluster_name=blue",
    "/import/aws/eks/containers": f"{_EKS}&{_POD}",
    "/import/aws/lambda": "cloud_id=prod&region=us-east-1",
}
# As `ASKED` of the tests of the simulation.
ASKED: dict[tuple[str, str], tuple[str, Any]] = {
    **{("GET", path): (f"{path}?{query}", None) for path, query in QUERIES.items()},
    **{("POST", path): (path, body) for path, body in BODIES.items()},
    ("GET", "/settings"): ("/settings", None),
    ("GET", "/workers"): ("/workers", None),
    ("GET", "/accounts/{account_name}"): ("/accounts/prod", None),
}
