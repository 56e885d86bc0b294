"""Alarms of every kind, from a minimal one to a hostile one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from receiver.messages.together import together
from shared.models.acknowledgements import Acknowledgement
from shared.models.alarms import Alarm, Change, Earlier, Gap, SentAgain
from shared.models.captures import Capture, CaptureState
from shared.models.decisions import Action, CaseDecision, Closure, Verdict
from shared.models.event_kinds import (
    ACKNOWLEDGED,
    CAPTURE_FAILED,
    CHECK_FAILED,
    CLOSED,
    DESTINATION_BROKEN,
    DESTINATION_MENDED,
    HUNT_FINISHED,
    JOB_FAILING,
    MUTE_ENDING,
    MUTED,
    PREFLIGHT_FOUND,
    RECOVERED,
    RELEASED,
    REOPENED,
    TEST,
    UNACKNOWLEDGED,
    UNKNOWN_EVENT,
)
from shared.models.events import Event
from shared.models.evidence import Evidence, Finding, Project
from shared.models.hunts import CaptureResult, Hunt, HuntReport
from shared.models.intelligence import Force, Hit, InForce
from shared.models.quiet_findings import Quiet
from shared.models.severity import Severity
from shared.models.systems import Instance, Kind, System

PLATFORM = "https://cado.example"
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
NIGHT = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
WEB = System("i-0123456789abcdef0", "us-east-1", "prod")
BIDI = "\u202e\u2066"
HOSTILE = (
    "<!channel> <@U024BE7LH> <https://evil.example|Cado> *bold* _it_ `code` ```block``` &lt;!here&gt; "
    ":skull: [open](https://evil.example/?x=1) <at>Everyone</at> {{DATE(2026-01-01T00:00:00Z)}} "
    "javascript:alert(1) @everyone {noformat} {panel} "
    "[x|http://evil.example] h1. !img.png! C:\\x\\_y ||a|| ${jndi:ldap://x} <script>"
)


def _alarms() -> dict[str, Alarm]:
    rich = Alarm(
        event=Event(
            "7f3c9a52",
            "processing_with_alarms",
            NOON,
            "PROCESSING WITH ALARMS",
            "Processing finished with 15 alarms in project id 12 evidence id 31.",
            project_id=12,
            evidence_id=31,
        ),
        severity=Severity.MALICIOUS,
        malicious=7,
        suspicious=8,
        hunt=Hunt("weekly-crown-jewels", NIGHT, project_id=12),
        capture=Capture("weekly", WEB, CaptureState.RUNNING, requested_at=NIGHT + timedelta(minutes=4)),
        project=Project(12, "weekly-crown-jewels 2026-11-22 02:00"),
        evidence=Evidence(
            31,
            12,
            "vol-080c44054f2073a7f",
            hostname="EC2AMAZ-CPI3V8C",
            os="Windows Server 2022",
            size_mb=30 * 1024,
            resource="vol-080c44054f2073a7f",
            resource_type="EBS",
            instance=WEB.instance,
            processed_at=NOON - timedelta(minutes=2),
        ),
        instance=Instance(
            WEB.instance,
            WEB.region,
            name="web-01",
            type="m5.large",
            state="running",
            zone="us-east-1a",
            account_id="111122223333",
            private_ip="10.0.1.5",
            public_ip="203.0.113.7",
            vpc="vpc-0a1b2c3d",
            subnet="subnet-4e5f6a7b",
            security_groups=("web (sg-0123abcd)", "ssh-office (sg-89ef4567)"),
            iam_profile="arn:aws:iam::111122223333:instance-profile/web_server",
            image="ami-0abcdef1234567890",
            platform="Windows",
            launched_at=datetime(2026, 3, 1, 8, 15, tzinfo=UTC),
            tags={"Name": "web-01", "Owner": "shop-team@acme.example", "Env": "prod", "Cost_Center": "42"},
        ),
        system=WEB,
        findings=(
            Finding("Possible WebShell Command", 8, Severity.SUSPICIOUS, ("T1505.003",)),
            Finding(
                "Malicious File Detected: cryptomining_malware_wannamine",
                5,
                Severity.MALICIOUS,
                ("T1496", "TA0040"),
                "C:\\Windows\\Temp\\wm_01.exe",
            ),
            Finding("New local administrator", 1, Severity.INFO, ("TA0004",)),
            Finding(
                "Malicious File Detected: credential_dumper_mimikatz",
                2,
                Severity.MALICIOUS,
                ("T1003.001",),
                "C:\\Windows\\Temp\\mk_64.exe",
            ),
        ),
        gaps=(Gap("Who is on duty", "PagerDuty did not answer within 4 s"),),
        link=f"{PLATFORM}/projects/12?evidence=31",
        change=Change(
            NIGHT - timedelta(days=35),
            NIGHT - timedelta(days=7),
            1,
            ("Malicious File Detected: cryptomining_malware_wannamine",),
            4,
            3,
            2,
        ),
    )
    minimal = Alarm(
        event=Event(
            "a1",
            "high_severity_alarm",
            NOON,
            "HIGH SEVERITY ALARM DETECTED",
            "5 high severity alarms detected in project id 3 evidence id 4.",
            project_id=3,
            evidence_id=4,
            malicious=5,
        ),
        severity=Severity.MALICIOUS,
        link=PLATFORM,
    )
    many = replace(
        rich,
        malicious=28_230,
        findings=tuple(
            Finding(
                f"Malicious File Detected: family_{n}",
                500 - n,
                Severity.MALICIOUS,
                ("T1059.001", "T1496"),
                f"/srv/www/uploads/{n}/payload_{n}.php",
            )
            for n in range(60)
        ),
        gaps=tuple(Gap(f"Source {n}", "access denied by the platform (403)") for n in range(6)),
    )
    assert rich.hunt
    assert rich.evidence
    assert rich.instance
    hostile = replace(
        rich,
        event=replace(rich.event, kind="detection_created", id=HOSTILE[:60], text=HOSTILE + "\n" + HOSTILE),
        project=Project(12, HOSTILE),
        evidence=replace(rich.evidence, name=HOSTILE, hostname=HOSTILE, os=HOSTILE),
        instance=replace(rich.instance, name=HOSTILE, tags={HOSTILE: HOSTILE}, security_groups=(HOSTILE,)),
        findings=(Finding(HOSTILE, 1, Severity.MALICIOUS, ("T1496", "javascript:alert(1)"), HOSTILE),),
        gaps=(Gap(HOSTILE, HOSTILE),),
        hunt=Hunt(HOSTILE[:60], NIGHT),
        change=Change(NIGHT, NIGHT, 1, (HOSTILE,), 1),
    )
    unicode = replace(
        rich,
        instance=replace(
            rich.instance, name=f"{BIDI}سرور-۱ 🏴‍☠️", tags={"Owner": "Zoë 李雷", "名": "値" * 30}
        ),
        findings=(
            Finding(
                f"ملف خبيث {BIDI}exe.txt 👩‍👩‍👧‍👦",
                2,
                Severity.MALICIOUS,
                ("T1496",),
                "/データ/e\u0301\x00.sh",
            ),
        ),
    )
    unknown = Alarm(
        event=Event(
            "u1",
            UNKNOWN_EVENT,
            NOON,
            text='{"title": "TEST", "message": "He said "hi" <!here>"\nhttps://evil.example/ `x`}',
            note="the body is not JSON that can be read; it was read as text",
        ),
        severity=Severity.UNKNOWN,
        link=PLATFORM,
    )
    reason = (
        "Snapshot snap-0aa of vol-1 failed: KMS key arn:aws:kms:us-east-1:111122223333:key/1 is disabled."
    )
    capture_failed = Alarm(
        event=Event("capture_failed:weekly", CAPTURE_FAILED, NOON, text=reason, project_id=12, system=WEB),
        severity=Severity.UNKNOWN,
        hunt=Hunt("weekly-crown-jewels", NIGHT, project_id=12),
        capture=Capture("weekly", WEB, CaptureState.FAILED, reason=reason),
        system=WEB,
        gaps=(Gap("Instance details", "access denied by EC2 (UnauthorizedOperation)"),),
        link=f"{PLATFORM}/projects/12",
    )
    systems = [WEB, *(System(f"i-{n:017x}", "us-east-1", "prod") for n in range(2, 14))]

    def result(number: int, state: CaptureState, *counts: int, reason: str = "") -> CaptureResult:
        malicious, suspicious, new = (*counts, 0, 0, 0)[:3]
        name = f"web-{number:02}"
        return CaptureResult(systems[number - 1], state, malicious, suspicious, reason, name, new)

    report = HuntReport(
        "weekly-crown-jewels",
        NIGHT,
        12,
        systems=13,
        captured=12,
        failed=1,
        with_alarms=5,
        captures=(
            result(1, CaptureState.PROCESSED, 7, 8, 3),
            *(result(n, CaptureState.PROCESSED, 8 - n, 8) for n in range(2, 6)),
            result(6, CaptureState.FAILED, reason="The instance was terminated."),
            *(result(n, CaptureState.PROCESSED) for n in range(7, 14)),
        ),
        problems=("SYSTEM7 is not JSON: it was left out",),
        left_out=("2 left out: it is terminated",),
        since=NIGHT - timedelta(days=7),
        new_alarms=3,
        new_with=1,
        slowest=result(7, CaptureState.PROCESSED),
        slowest_seconds=11_520,
        covered=12,
        quiet=Quiet(37, 3, 4, 12, (f"PUA.NetTool on {systems[6].instance}",), 1),
    )
    finished = Alarm(
        event=Event("hunt_finished:weekly", HUNT_FINISHED, NOON, project_id=12, report=report),
        severity=Severity.MALICIOUS,
        link=f"{PLATFORM}/projects/12",
    )
    recovered = replace(
        rich,
        event=Event(
            "recovered:12:31:1", RECOVERED, NOON, project_id=12, evidence_id=31, hunt_id=rich.hunt.id
        ),
        gaps=(),
    )
    update = replace(
        rich,
        event=replace(rich.event, id="9d10be44"),
        earlier=Earlier("7f3c9a52", Severity.SUSPICIOUS, malicious=0, suspicious=8),
        gaps=(),
    )
    acknowledged = replace(
        rich,
        event=Event(f"acknowledged:{rich.case_key}", ACKNOWLEDGED, NOON, project_id=12, evidence_id=31),
        findings=(),
        gaps=(),
        acknowledgement=Acknowledgement("click:1", NOON, "Jane Doe", "U0123456789"),
        change=None,
    )
    closure = Closure("close-1", Verdict.BENIGN, "Jonas Weber", NOON, "CHG-2041: the nightly deploy job")
    made = CaseDecision("close-1", Action.CLOSE, closure.by, NOON, verdict=closure.verdict, why=closure.why)

    def decided(kind: str, decision: CaseDecision) -> Alarm:
        id = f"{kind}:{rich.case_key}:{decision.id}"
        event = replace(acknowledged.event, id=id, kind=kind)
        return replace(acknowledged, event=event, acknowledgement=None, decision=decision)

    given_back = CaseDecision("release-1", Action.RELEASE, "Jonas Weber", NOON, holder="Jane Doe")
    released = decided(RELEASED, given_back)
    closed = decided(CLOSED, made)
    opened = CaseDecision("reopen-1", Action.REOPEN, "Jane Doe", NOON, why="Not that job.", closed=closure)
    reopened = decided(REOPENED, opened)
    by_an_alarm = CaseDecision("alarm-1", Action.REOPEN, "huntbridge", NOON, alarm="9d10be44", closed=closure)
    reopened_by_an_alarm = decided(REOPENED, by_an_alarm)
    back = replace(rich, event=replace(rich.event, id="9d10be44"), reopens=closure, gaps=())
    hostile_closure = Closure("close-2", Verdict.FALSE_POSITIVE, HOSTILE, NOON, HOSTILE, HOSTILE)
    closed_hostile = decided(
        CLOSED,
        replace(made, by=HOSTILE, why=HOSTILE, origin=HOSTILE, holder=HOSTILE, closed=hostile_closure),
    )
    sent_again = replace(
        rich,
        event=replace(rich.event, id="again:7f3c9a52:1"),
        sent_again=SentAgain("7f3c9a52", "Jane Doe", NOON + timedelta(hours=3)),
    )
    path = "/srv/www/uploads/" + "deeply/" * 40
    huge = replace(
        rich,
        event=replace(
            rich.event,
            kind="detection_created",
            id="huge-1",
            text='{"detections": [' + '"&<x>", ' * 500 + "]}",
        ),
        malicious=1_234_567,
        suspicious=89_012,
        instance=replace(
            rich.instance,
            name="a-very-long-name-of-a-host-" * 9,
            security_groups=tuple(f"a-security-group-with-a-long-name-{n} (sg-{n:017x})" for n in range(40)),
            tags={f"Tag{n:02}": "A value & another one of some length, " * 6 for n in range(50)},
        ),
        findings=tuple(
            Finding(
                f"Malicious File Detected: a family whose name is of some length {n:03} " + "and so on " * 20,
                1_000_000 - n,
                Severity.MALICIOUS if n < 150 else Severity.SUSPICIOUS,
                ("T1059.001", "T1496", "TA0004", "T1505.003"),
                f"{path}{n}.php",
            )
            for n in range(300)
        ),
        gaps=tuple(
            Gap(f"Source {n}", "the platform did not answer in time, and so on " * 8) for n in range(40)
        ),
    )
    unacknowledged = replace(
        rich,
        event=replace(
            rich.event,
            id=f"{UNACKNOWLEDGED}:{rich.case_key}:1",
            kind=UNACKNOWLEDGED,
            received_at=NOON + timedelta(minutes=30),
            title="",
            text="First told at 2026-11-22 12:00 UTC. Reminder 1 of 2.",
        ),
    )
    job_failing = Alarm(
        Event(
            f"{JOB_FAILING}:follow+recover:2026-11-22T10:55:00+00:00",
            JOB_FAILING,
            NOON,
            title="follow, recover",
            text="follow, since 2026-11-22 10:55 UTC: hunt weekly@2026-11-22T02:00:00Z: The platform did not "
            "answer: timed out.\nrecover, since 2026-11-22 10:55 UTC: it was not done within 60 s",
        ),
        Severity.UNKNOWN,
        link=PLATFORM,
    )
    destination_broken = Alarm(
        Event(
            f"{DESTINATION_BROKEN}:soc:2026-11-22",
            DESTINATION_BROKEN,
            NOON,
            title="soc",
            text="soc: #soc (C0123456789): the channel is archived; unarchive it or name another one",
        ),
        Severity.UNKNOWN,
        link=PLATFORM,
    )
    destination_mended = Alarm(
        Event(
            f"{DESTINATION_MENDED}:soc:2026-11-23:mended",
            DESTINATION_MENDED,
            NOON,
            title="soc",
            text="soc",
            mended=True,
        ),
        Severity.UNKNOWN,
        link=PLATFORM,
    )
    check_failed = Alarm(
        Event(
            f"{CHECK_FAILED}:the platform:2026-11-22",
            CHECK_FAILED,
            NOON,
            title="the platform",
            text="platform certificate: it ends on 2026-12-01: renew it on the platform before that day",
        ),
        Severity.UNKNOWN,
        link=PLATFORM,
    )
    preflight_found = Alarm(
        Event(
            f"{PREFLIGHT_FOUND}:weekly@2026-11-29T02:00:00Z",
            PREFLIGHT_FOUND,
            NOON,
            title="weekly",
            text="It begins on Sunday 2026-11-29 at 02:00 (Etc/UTC).\nfails: the key "
            "arn:aws:kms:us-east-1:111122223333:key/1 of its volume is Disabled, on 2 systems: "
            "i-0aaaaaaaaaaaaaaa1, i-0aaaaaaaaaaaaaaa2 (vol-1, vol-2); enable the key, or cancel its deletion",
        ),
        Severity.UNKNOWN,
        link=PLATFORM,
    )
    muted = Alarm(
        Event(
            f"{MUTED}:7c0d",
            MUTED,
            NOON,
            title="instance build-*, finding User accessing sudo",
            text="until: 2026-12-06 12:00 UTC\nby: ada\nwhy: the build agents use sudo\nmute: 7c0d",
        ),
        Severity.UNKNOWN,
        link=PLATFORM,
    )
    mute_ending = replace(
        muted,
        event=replace(
            muted.event,
            id=f"{MUTE_ENDING}:7c0d",
            kind=MUTE_ENDING,
            text=muted.event.text.replace("mute:", "covered: 41 alarms\nmute:"),
        ),
    )
    test = Alarm(Event("test:1", TEST, NOON, title="soc"), Severity.INFO, link=PLATFORM)
    second_disk = replace(
        rich,
        event=replace(rich.event, id="80aa31c7", received_at=NOON + timedelta(seconds=3), evidence_id=32),
        severity=Severity.SUSPICIOUS,
        malicious=0,
        suspicious=2,
        evidence=Evidence(32, 12, "vol-0d41c8e2f6a7b9035", instance=WEB.instance),
        findings=(Finding("PUA.NetTool.Nmap", 2, Severity.SUSPICIOUS, ("T1046",), "/opt/scan/nmap"),),
        gaps=(),
        change=replace(rich.change, new_kinds=("PUA.NetTool.Nmap",), kinds=1) if rich.change else None,
    )
    disks = Capture("weekly", WEB, CaptureState.RUNNING, mode="full", evidence_ids=(31, 32, 33))
    group = together([replace(rich, capture=disks), replace(second_disk, capture=disks)])
    in_force = InForce(Force.IN_FORCE, "ab" * 32, 12, 300, ("abuse_ch", "case_7"))
    own_hits = replace(
        rich,
        hunt=replace(rich.hunt, intelligence=in_force),
        findings=(
            *rich.findings,
            Finding(
                "Suspicious File Detected: hb_abuse_ch_xmrig",
                1,
                Severity.SUSPICIOUS,
                path="C:\\Windows\\Temp\\kswapd0",
            ),
        ),
        hits=(Hit("case_7", "evil.example", "indicator", "C2 of case 7"),),
        gaps=(),
    )
    azure_vm = System.of(
        Kind.AZURE_VM,
        account="az",
        subscription="0f8fad5b-d9cb-469f-a165-70867728950e",
        group="rg-web",
        vm="web-1",
    )
    azure = replace(
        rich,
        evidence=replace(rich.evidence, instance="", account_id="", resource_type="", resource=""),
        system=azure_vm,
        instance=Instance(
            azure_vm.instance,
            "westeurope",
            name="web-1",
            platform="linux",
            tags={"Owner": "shop-team@acme.example", "Env": "prod"},
            disks=("web-1-os", "web-1-data"),
            disks_gib=(30, 190),
        ),
        gaps=(
            Gap("System details", "the platform does not say whether it runs, its size and its addresses"),
        ),
    )
    pod = System.of(
        Kind.EKS,
        account="prod",
        region="us-east-1",
        cluster="shop",
        namespace="shop-prod",
        pod="web-7d4b9c8f5d-x2x4z",
        container="app",
    )
    container = replace(
        azure,
        system=pod,
        instance=Instance(
            pod.instance, "us-east-1", name="app", image="registry.acme.example/shop/web:1.4.2"
        ),
        gaps=(Gap("System details", "the platform does not say its labels and the digest of its image"),),
    )
    return {
        "rich": rich,
        "azure_machine": azure,
        "container": container,
        "own_hits": own_hits,
        "group": group,
        "minimal": minimal,
        "many_findings": many,
        "hostile": hostile,
        "unicode": unicode,
        "unknown": unknown,
        "capture_failed": capture_failed,
        "hunt_finished": finished,
        "recovered": recovered,
        "update": update,
        "huge": huge,
        "acknowledged": acknowledged,
        "released": released,
        "closed": closed,
        "closed_hostile": closed_hostile,
        "reopened": reopened,
        "reopened_by_an_alarm": reopened_by_an_alarm,
        "back": back,
        "sent_again": sent_again,
        "unacknowledged": unacknowledged,
        "job_failing": job_failing,
        "destination_broken": destination_broken,
        "destination_mended": destination_mended,
        "check_failed": check_failed,
        "preflight_found": preflight_found,
        "muted": muted,
        "mute_ending": mute_ending,
        "test": test,
    }


ALARMS = _alarms()
