"""API v3: Lambda functions, and the import of one."""

from __future__ import annotations

from demo.platform.calls import Call, Field, Route
from demo.platform.records import Import
from demo.platform.v3.answers import Answer
from demo.platform.v3.roles import ANALYSTS
from demo.platform.v3.systems import account_of, by_cursor, imported, seen, single


def functions(call: Call) -> Answer:
    account, region = account_of(call, "aws", "cloud_id"), call.text("region", required=True)
    rows = [
        {"name": system.name, "last_modified": 1782777600, "package_type": system.image or "Zip"}
        for system in seen(call, account, ("lambda",), region=region)
    ]
    return by_cursor(call, rows)


def import_function(call: Call) -> Answer:
    return single(
        imported(
            call,
            "lambda",
            {"region": "region", "function": "function"},
            account="cloud_id",
            project="project_id",
            account_required=False,
            more={"token": Field(str)},
            asked=lambda system, _: Import(system),
        )
    )


ROUTES = (
    Route("GET", "/import/aws/lambda", functions, ANALYSTS, since=(2, 190)),
    Route("POST", "/import/aws/lambda", import_function, ANALYSTS, since=(2, 190)),
)
