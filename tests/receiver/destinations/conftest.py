"""What the tests of the destinations share: fourteen alarms, and a peer on a loopback port."""

from __future__ import annotations

import json
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from shared.models.acknowledgements import Acknowledgement
from shared.models.alarms import Alarm, Change, Earlier, Gap
from shared.models.captures import Capture, CaptureState
from shared.models.event_kinds import (
    ACKNOWLEDGED,
    CAPTURE_FAILED,
    HUNT_FINISHED,
    JOB_FAILING,
    RECOVERED,
    TEST,
    UNACKNOWLEDGED,
    UNKNOWN_EVENT,
)
from shared.models.events import Event
from shared.models.evidence import Evidence, Finding, Project
from shared.models.hunts import CaptureResult, Hunt, HuntReport
from shared.models.severity import Severity
from shared.models.systems import Instance, System

HERE = Path(__file__).parent
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
            Finding("Possible WebShell Command", 4, Severity.SUSPICIOUS, ("T1505.003",)),
            Finding(
                "Malicious File Detected: cryptomining_malware_wannamine",
                3,
                Severity.MALICIOUS,
                ("T1496", "TA0040"),
                "C:\\Windows\\Temp\\wm_01.exe",
            ),
            Finding("User accessing sudo", 1, Severity.INFO, ("TA0004",), "/var/log/auth.log"),
        ),
        gaps=(Gap("Alarm overview", "the platform did not answer within 4 s"),),
        link=f"{PLATFORM}/projects/12?evidence=31",
        change=Change(
            NIGHT - timedelta(days=35),
            NIGHT - timedelta(days=7),
            1,
            ("Malicious File Detected: cryptomining_malware_wannamine",),
            3,
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
        malicious=4_120,
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
    systems = [System(f"i-{n:017x}", "eu-west-1", "prod") for n in range(13)]
    report = HuntReport(
        "weekly-crown-jewels",
        NIGHT,
        12,
        systems=13,
        captured=12,
        failed=1,
        with_alarms=5,
        captures=(
            CaptureResult(systems[0], CaptureState.PROCESSED, 7, 8, new=3),
            *(CaptureResult(s, CaptureState.PROCESSED, 6 - n, 8) for n, s in enumerate(systems[1:5])),
            CaptureResult(systems[5], CaptureState.FAILED, reason="The instance was terminated."),
            *(CaptureResult(s, CaptureState.PROCESSED) for s in systems[6:]),
        ),
        problems=("SYSTEM7 is not JSON: it was left out",),
        left_out=("2 left out: it is terminated",),
        since=NIGHT - timedelta(days=7),
        new_alarms=3,
        new_with=1,
        slowest=CaptureResult(systems[6], CaptureState.PROCESSED, name="web-06"),
        slowest_seconds=11_520,
        covered=12,
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
    test = Alarm(Event("test:1", TEST, NOON, title="soc"), Severity.INFO, link=PLATFORM)
    return {
        "rich": rich,
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
        "unacknowledged": unacknowledged,
        "job_failing": job_failing,
        "test": test,
    }


ALARMS = _alarms()


@pytest.fixture(params=list(ALARMS))
def named_alarm(request: pytest.FixtureRequest) -> tuple[str, Alarm]:
    return request.param, ALARMS[request.param]


@pytest.fixture
def alarms() -> dict[str, Alarm]:
    return dict(ALARMS)


@pytest.fixture
def golden() -> Callable[[str, Any], None]:
    """Compares a text or a JSON value with its golden file; `UPDATE_GOLDEN=1` writes it instead."""

    def compare(name: str, body: Any) -> None:
        text = body if isinstance(body, str) else json.dumps(body, indent=1, ensure_ascii=False)
        path = HERE / name
        if os.environ.get("UPDATE_GOLDEN") == "1":
            path.write_text(text + "\n", encoding="utf-8")
        assert text + "\n" == path.read_text(encoding="utf-8")

    return compare


# A peer on a loopback port


@dataclass
class Reply:
    status: int
    body: str | bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


HANG, DROP = Reply(-1), Reply(-2)  # never answer; close the connection without an answer


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Peer:
    """Answers with `replies` in order, repeats the last of them, and keeps the requests."""

    def __init__(self) -> None:
        self.replies: list[Reply] = [Reply(200)]
        self.requests: list[Request] = []
        self.closing = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def answers(self, *replies: Reply) -> None:
        self.replies, self.requests = list(replies), []

    def _handler(peer) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # one packet for head and body: two would wait 40 ms for each other

            def log_message(self, *args: object) -> None: ...

            def handle_one(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                request = Request(self.command, self.path, dict(self.headers), self.rfile.read(length))
                peer.requests.append(request)
                reply = peer.replies[min(len(peer.requests), len(peer.replies)) - 1]
                if reply is HANG:
                    peer.closing.wait(5)
                if reply in (HANG, DROP):
                    self.close_connection = True
                    return
                body = reply.body.encode() if isinstance(reply.body, str) else reply.body
                self.send_response(reply.status, "whatever")
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_CONNECT = handle_one

        return Handler

    def close(self) -> None:
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def peer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Peer]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    peer = Peer()
    peer.thread.start()
    yield peer
    peer.close()


@pytest.fixture
def reply() -> type[Reply]:
    return Reply


@pytest.fixture
def dead_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture
def no_answers() -> tuple[Reply, Reply]:
    return HANG, DROP


@pytest.fixture(scope="session")
def self_signed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that nobody trusts, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + certificate.public_bytes(Encoding.PEM)
    )
    return path


@pytest.fixture
def tls(self_signed: Path) -> Callable[[Peer], None]:
    """Makes a peer speak TLS with that certificate."""

    def wrap(peer: Peer) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self_signed)
        server = peer.server
        accept = server.get_request

        def get_request() -> tuple[socket.socket, Any]:
            connection, address = accept()
            return context.wrap_socket(connection, server_side=True), address

        server.get_request = get_request  # type: ignore[method-assign]

    return wrap
