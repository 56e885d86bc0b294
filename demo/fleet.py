"""The made-up fleet: twelve instances in two regions, for the simulated platform and for moto's EC2, and four
systems elsewhere, for the platform alone.

Five instances have alarms; one of these has them on two volumes. The capture of another instance fails. One
Azure machine has alarms, too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import requests

from demo.platform.records import SimAlarm, SimInstance, SimSystem, SimVolume

_MINER = SimAlarm(
    "Malicious File Detected: cryptomining_malware_wannamine",
    1,
    2,
    ("T1496",),
    "/root/.rsync/c/kswapd0",
)
_BACKDOOR = SimAlarm(
    "Malicious File Detected: php_backdoor", 1, 1, ("T1505.003",), "/var/www/html/uploads/avatar_2.php"
)
_CLEANER = SimAlarm(
    "Malicious File Detected: linux_malware_logcleaner", 1, 4, ("T1070.002",), "/usr/local/sbin/.lc"
)
_WEBSHELL = SimAlarm(
    "Possible WebShell Command", 3, 8, ("T1505.003", "T1059.004"), "/var/log/nginx/access.log", of_log=True
)
_MINING_CONFIG = SimAlarm(
    "Suspicious File Detected: suspicious_mining_xmrig_config", 3, 1, ("T1496",), "/opt/.cache/config.json"
)
_SUDO = SimAlarm("User accessing sudo", 3, 5, ("T1548.003",), "/var/log/auth.log", of_log=True)
_RDP = SimAlarm(
    "Remote Desktop logon from a public address",
    3,
    3,
    ("T1021.001",),
    "C:\\Windows\\System32\\winevt\\Logs\\Security.evtx",
    of_log=True,
)


_IMAGES = {"Linux": "ami-bb9a6bc2", "Windows": "ami-b7e93bce"}  # images that moto knows


@dataclass(frozen=True)
class Machine:
    name: str
    region: str
    type: str
    owner: str
    environment: str = "prod"
    os: str = "Linux"
    volumes: tuple[tuple[SimAlarm, ...], ...] = ((),)  # the alarms of each volume
    fails: str = ""


MACHINES = (
    Machine("web-01", "us-east-1", "t3.large", "web@acme.example",
            volumes=((_BACKDOOR, _WEBSHELL, _SUDO),)),
    Machine("web-02", "us-east-1", "t3.large", "web@acme.example"),
    Machine("api-01", "us-east-1", "c6i.xlarge", "api@acme.example"),
    Machine("batch-07", "us-east-1", "c6i.4xlarge", "data@acme.example",
            volumes=((_MINER, _MINING_CONFIG), (_CLEANER,))),
    Machine("db-01", "us-east-1", "r6i.xlarge", "data@acme.example"),
    Machine("db-02", "us-east-1", "r6i.xlarge", "data@acme.example",
            fails="Snapshot of vol-0db2 failed: the KMS key is disabled"),
    Machine("bastion", "us-east-1", "t3.micro", "it@acme.example", volumes=((_SUDO,),)),
    Machine("ci-runner-3", "eu-west-1", "m6i.large", "dev@acme.example", "dev",
            volumes=((_MINING_CONFIG, _SUDO),)),
    Machine("shop-01", "eu-west-1", "t3.large", "shop@acme.example"),
    Machine("shop-02", "eu-west-1", "t3.large", "shop@acme.example"),
    Machine("ad-01", "eu-west-1", "m6i.large", "it@acme.example", os="Windows", volumes=((_RDP,),)),
    Machine("backup", "eu-west-1", "t3.medium", "it@acme.example"),
)  # fmt: skip

AZURE_ACCOUNT, GOOGLE_ACCOUNT = "azure-main", "gcp-main"  # as the platform calls them
SUBSCRIPTION, GROUP = "0f8fad5b-d9cb-469f-a165-70867728950e", "rg-shop"
PROJECT, ZONE, CLUSTER = "acme-shop", "europe-west1-b", "prod-shop"
_AZURE, _GOOGLE = {"subscription": SUBSCRIPTION, "group": GROUP}, {"project": PROJECT, "zone": ZONE}
_TASK = "arn:aws:ecs:us-east-1:123456789012:task/prod-shop/0b69d5c0d655425faa8f7c1d5c3e1a6f"
ELSEWHERE = (
    SimSystem(
        "azure_vm", AZURE_ACCOUNT, {**_AZURE, "vm": "pay-01"}, hostname="pay-01",
        tags={"Owner": "pay@acme.example", "Env": "prod"},
        volumes=(SimVolume("pay-01_OsDisk", 64, (_WEBSHELL,)), SimVolume("pay-01_Data", 128)),
    ),
    SimSystem(
        "azure_vm", AZURE_ACCOUNT, {**_AZURE, "vm": "pay-02"}, hostname="pay-02",
        tags={"Owner": "pay@acme.example", "Env": "prod"}, volumes=(SimVolume("pay-02_OsDisk", 64),),
    ),
    SimSystem(
        "gce", GOOGLE_ACCOUNT, {**_GOOGLE, "vm": "search-01"}, hostname="search-01",
        tags={"owner": "search@acme.example", "env": "prod"}, volumes=(SimVolume("search-01", 20),),
    ),
    SimSystem(
        "ecs", "Default",
        {"region": "us-east-1", "cluster": CLUSTER, "task": _TASK, "container": "checkout"},
    ),
)  # fmt: skip


def launch(ec2_url: str) -> list[SimInstance]:
    """Start the machines in moto's EC2, and return them with their ids as the platform sees them."""
    return [_launch(ec2_url, machine) for machine in MACHINES]


def _launch(ec2_url: str, machine: Machine) -> SimInstance:
    tags = {"Name": machine.name, "Owner": machine.owner, "Env": machine.environment, "Criticality": "high"}
    form = {
        "Action": "RunInstances",
        "Version": "2016-11-15",
        "ImageId": _IMAGES[machine.os],
        "InstanceType": machine.type,
        "MinCount": "1",
        "MaxCount": "1",
        "TagSpecification.1.ResourceType": "instance",
    }
    for number, (key, value) in enumerate(tags.items(), 1):
        form[f"TagSpecification.1.Tag.{number}.Key"] = key
        form[f"TagSpecification.1.Tag.{number}.Value"] = value
    # moto reads only the region from the signature.
    scope = f"Credential=demo/20260101/{machine.region}/ec2/aws4_request"
    answer = requests.post(
        ec2_url,
        data=form,
        headers={"Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0"},
        timeout=30,
    )
    answer.raise_for_status()
    return _seen_by_the_platform(machine, answer.text)


def _seen_by_the_platform(machine: Machine, launched: str) -> SimInstance:
    (instance_id,) = set(re.findall(r"<instanceId>(i-[0-9a-f]+)<", launched))
    (root,) = set(re.findall(r"<volumeId>(vol-[0-9a-f]+)<", launched))
    address = re.search(r"<privateIpAddress>([0-9.]+)<", launched)
    volume_ids = [root, *(f"{root[:-2]}{number:02x}" for number in range(1, len(machine.volumes)))]
    return SimInstance(
        instance_id,
        machine.name,
        machine.region,
        os=machine.os,
        hostname=f"ip-{address[1].replace('.', '-')}" if address else machine.name,
        volumes=tuple(
            SimVolume(volume_id, 8 * (number + 1), alarms)
            for number, (volume_id, alarms) in enumerate(zip(volume_ids, machine.volumes, strict=True))
        ),
        fails=machine.fails,
    )
