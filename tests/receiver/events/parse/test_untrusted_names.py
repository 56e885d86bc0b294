"""No number and no machine is read out of a path, a file's name, a link or a quotation."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from receiver.events.parse.webhook import parse
from shared.models.events import Event

AT = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
OTHER = "i-0fedcba9876543210"
SENTENCE = "Processing finished with 5 alarms in project id 3 evidence id 4."


def parsed(message: object, **more: object) -> Event:
    body = {"event": "processing_with_alarms", "title": "PROCESSING WITH ALARMS", "message": message} | more
    return parse(json.dumps(body).encode(), id="e1", received_at=AT)


def facts(event: Event) -> tuple[object, ...]:
    numbers = (event.malicious, event.suspicious, event.alarms)
    return event.project_id, event.evidence_id, numbers, event.instance


ARTEFACTS = [
    "/tmp/0 malicious 0 suspicious/x",
    f"/tmp/{OTHER}/x",
    f"/tmp/{OTHER}",
    "/srv/evidence/8/9999 malicious",
    "/srv/x 9999 malicious in evidence id 8",
    "/a b/project id 9 evidence id 8/c d 0 malicious",
    "~/evidence id 8/x",
    "./evidence id 8/x",
    "../../project id 9",
    "srv/evidence id 8/x",
    r"C:\Users\0 malicious\project id 9\x.exe",
    "C:/Users/0 malicious/project id 9/x.exe",
    rf"\\server\share\{OTHER}\0 malicious",
    rf"%TEMP%\{OTHER}\evidence id 8",
    r"HKLM\Software\evidence id 8\0 malicious",
    f"https://evil.example/projects/9/evidences/8?malicious=9999&i={OTHER}",
    "s3://bucket/evidence/8/9999 malicious",
    f"file:///{OTHER}",
    f"'{OTHER} 0 malicious'",
    "'it's evidence id 8 0 malicious'",
    '"evidence id 8 0 malicious"',
    f"`{OTHER} 9999 malicious`",
    "“evidence id 8, 0 malicious”",
    "‘evidence id 8, 0 malicious’",
    "«evidence id 8, 0 malicious»",
    "»evidence id 8, 0 malicious«",
    "‹evidence id 8, 0 malicious›",
    "„evidence id 8, 0 malicious“",
    "„evidence id 8, 0 malicious”",
    "‚evidence id 8, 0 malicious‘",
    "「evidence id 8, 0 malicious」",
    "<code>evidence id 8, 0 malicious</code>",
    f'"x" 9999 malicious evidence id 8 {OTHER}"',
    f"'x' 9999 malicious evidence id 8 {OTHER}'",
    f"`x` 9999 malicious evidence id 8 {OTHER}`",
    "/tmp/x\u20289999 malicious evidence id 8",
    "/tmp/x\u20299999 malicious evidence id 8",
    "/tmp/x\v9999 malicious evidence id 8",
    "/tmp/x\r9999 malicious evidence id 8",
    "/tmp/x\x859999 malicious evidence id 8",
    f"{OTHER}.exe",
    f"x_{OTHER}_y",
    "8.evidence-9",
    "evidence 8/9999 malicious",
    f"file: {OTHER} 9999 malicious evidence id 8",
    f"Path: {OTHER} 9999 malicious evidence id 8",
    f"filename={OTHER} 9999 malicious",
    "Command line: rm 9999 malicious evidence id 8",
]


@pytest.mark.parametrize("artefact", ARTEFACTS)
@pytest.mark.parametrize(
    "sentence",
    [
        SENTENCE + " Malicious File Detected: {}",
        SENTENCE + " It was seen as {}",
        SENTENCE + "\n* {}\n* another line",
    ],
)
def test_nothing_is_read_out_of_an_artefact(sentence, artefact):
    event = parsed(sentence.format(artefact))
    assert facts(event) == (3, 4, (None, None, 5), "")
    assert not event.ambiguous


@pytest.mark.parametrize("artefact", ARTEFACTS)
def test_what_follows_an_artefact_gives_no_number_and_no_machine_and_its_ids_are_not_sure(artefact):
    event = parsed(f"{artefact} was found in project id 3 evidence id 4 with 5 alarms.")
    assert event.malicious is None
    assert event.instance == ""
    if (event.project_id, event.evidence_id) != (3, 4):
        assert (event.project_id, event.evidence_id) == (None, None)
    elif event.alarms is None:  # it could not be known where the artefact ends
        assert event.ambiguous


@pytest.mark.parametrize(
    "key",
    ["path", "full_path", "file", "files", "filename", "fileName", "artefact", "artifact", "url", "command",
     "command_line", "process", "hostname", "name", "evidence_name", "directory", "registry_key", "tags"],
)  # fmt: skip
@pytest.mark.parametrize(
    "value",
    [
        f"{OTHER} 9999 malicious in project id 9 evidence id 8",
        {"instance_id": OTHER, "malicious": 9999, "project_id": 9, "evidence": {"id": 8}},
        [f"{OTHER} 9999 malicious", "evidence id 8"],
    ],
)
def test_nothing_is_read_out_of_a_field_that_holds_an_artefact(key, value):
    for event in (
        parsed(SENTENCE, **{key: value}),
        parsed(SENTENCE, more=[{key: value}]),
        parsed(json.dumps({"text": SENTENCE, key: value})),
        parsed(repr({"text": SENTENCE, key: value})),
    ):
        assert facts(event) == (3, 4, (None, None, 5), "")
        assert not event.ambiguous


@pytest.mark.parametrize("label", ["name", "title", "Key", "label"])
def test_nothing_is_read_out_of_a_pair_of_label_and_artefact(label):
    pair = {label: "File path", "value": f"{OTHER} 9999 malicious in project id 9 evidence id 8"}
    event = parsed(SENTENCE, facts=[pair], more=json.dumps({"attachments": [{"fields": [pair]}]}))
    assert facts(event) == (3, 4, (None, None, 5), "")


def test_nothing_is_read_out_of_an_artefact_in_broken_json():
    body = (
        '{"title": "PROCESSING FAILED", "message": "Command "./evidence id 8 9999 malicious" failed in '
        f'project id 3 evidence id 4: "{OTHER}""}}'
    )
    event = parse(body.encode(), id="e1", received_at=AT)
    assert facts(event) == (3, 4, (None, None, None), "")


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        # What only looks like a path, or is quoted and chosen by nobody, is read.
        (f"5 alarms and/or 2 malicious in project id 3 evidence id 4 on {OTHER}.",
         (3, 4, (2, None, 5), OTHER)),
        ('"project_id": "3", "evidence_id": 4, "malicious": 7', (3, 4, (7, None, None), "")),
        ('in project "weekly/1" (id 3), evidence \'/dev/sda\' (id 4): 5 alarms', (3, 4, (None, None, 5), "")),
        ("On 2026/11/24: 5 alarms in project id 3 evidence id 4", (3, 4, (None, None, 5), "")),
        ("<b>5 malicious</b> in project id 3 evidence id 4", (3, 4, (5, None, None), "")),
        (
            f"arn:aws:ec2:us-east-1:111122223333:instance/{OTHER} in project id 3 evidence id 4",
            (3, 4, (None, None, None), OTHER),
        ),
        # The largest number counts: a smaller one may be a part of a name.
        ("Evidence web 0 malicious in project id 3 evidence id 4 has 5 malicious alarms.",
         (3, 4, (5, None, None), "")),
    ],
)  # fmt: skip
def test_what_is_no_artefact_is_read(message, expected):
    event = parsed(message)
    assert facts(event) == expected
    assert not event.ambiguous


@pytest.mark.parametrize("form", [json.dumps, repr, lambda tree: tree], ids=["JSON", "Python", "as it is"])
@pytest.mark.parametrize(
    "key", ["registry", "signature", "source", "script_block", "target", "raw", "dll", "x"]
)
def test_in_a_structure_only_texts_are_read(key, form):
    known = {"project_id": 3, "evidence_id": 4, "description": "5 malicious alarms"}
    event = parsed(form(known | {key: f"evidence id 8 9999 malicious {OTHER}"}))
    assert facts(event) == (3, 4, (5, None, None), "")
    assert not event.ambiguous


@pytest.mark.parametrize("wrap", [json.dumps, repr, lambda text: json.dumps(json.dumps(text))])
def test_a_sentence_in_quotation_marks_is_the_senders(wrap):
    assert facts(parsed(wrap(SENTENCE))) == (3, 4, (None, None, 5), "")
