"""The Terraform module has the template's parameters and outputs, with the same types, defaults and rules."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import hcl2
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
MODULE = ROOT / "deploy/terraform"
EXAMPLES = sorted((MODULE / "examples").iterdir())
# Inputs that are not parameters of the template.
OWN = {"name", "bundle", "bucket", "prefix", "configuration", "cloudformation_role_arn", "tags"}
OF_THE_BUNDLE = {"CodeBucket", "CodePrefix"}  # parameters that deploy/bundle.py adds


class Template(yaml.SafeLoader):
    """CloudFormation's short forms, such as !Ref, are of no interest here."""


Template.add_multi_constructor("!", lambda loader, suffix, node: None)


@cache
def parsed(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = hcl2.loads(file.read_text())
    return content


def blocks(kind: str, folder: Path = MODULE) -> dict[str, Any]:
    """The blocks of a kind, by their names."""
    found: dict[str, Any] = {}
    for file in folder.glob("*.tf"):
        for block in parsed(file).get(kind, []):
            found |= {name.strip('"'): body for name, body in block.items()}
    return found


def snake_case(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def is_switch(parameter: Mapping[str, Any]) -> bool:
    return parameter.get("AllowedValues") == ["off", "on"]


TEMPLATE: dict[str, Any] = yaml.load((ROOT / "template.yaml").read_text(), Template)
PARAMETERS: dict[str, dict[str, Any]] = TEMPLATE["Parameters"]
VARIABLES = blocks("variable")
STACK = blocks("resource")["aws_cloudformation_stack"]['"this"']


def test_every_parameter_is_an_input_and_every_other_input_is_named_here() -> None:
    assert {snake_case(name) for name in PARAMETERS} | OWN == set(VARIABLES)


def test_every_parameter_is_given_to_the_stack() -> None:
    assert set(STACK["parameters"]) == set(PARAMETERS) | OF_THE_BUNDLE


@pytest.mark.parametrize("name", PARAMETERS)
def test_an_input_has_the_type_the_default_and_the_rules_of_its_parameter(name: str) -> None:
    parameter, variable = PARAMETERS[name], VARIABLES[snake_case(name)]
    given, input = STACK["parameters"][name], f"var.{snake_case(name)}"
    default = parameter["Default"]
    if is_switch(parameter):
        wanted: Any = ("bool", default == "on", f'${{{input} ? "on" : "off"}}')
    elif parameter["Type"] == "CommaDelimitedList":
        wanted = ("${list(string)}", [], f'${{join(",", {input})}}')
    elif parameter["Type"] == "Number":
        wanted = ("number", default, f"${{tostring({input})}}")
    elif name == "ConfigBucket":  # the bucket of the bundle, where the configuration is given
        wanted = ("string", f'"{default}"', "${local.config_bucket}")
    else:
        wanted = ("string", f'"{default}"', f"${{{input}}}")
    rules = "\n".join(rule["condition"] for rule in variable.get("validation", []))

    assert (variable["type"], variable["default"], given) == wanted
    if "AllowedPattern" in parameter:
        assert json.dumps(parameter["AllowedPattern"]) in rules
    if "AllowedValues" in parameter and not is_switch(parameter):
        assert f"contains({json.dumps(parameter['AllowedValues'])}, {input})" in rules
    if "MinValue" in parameter:
        assert f"{input} >= {parameter['MinValue']}" in rules
    if "MaxValue" in parameter:
        assert f"{input} <= {parameter['MaxValue']}" in rules


def test_every_output_of_the_stack_is_one_of_the_module() -> None:
    outputs = blocks("output")

    assert set(outputs) == {snake_case(name) for name in TEMPLATE["Outputs"]}
    for name in TEMPLATE["Outputs"]:
        assert f'"{name}"' in outputs[snake_case(name)]["value"]


def test_every_input_and_output_says_what_it_is() -> None:
    undescribed = [
        name for name, one in {**VARIABLES, **blocks("output")}.items() if len(one["description"]) < 10
    ]

    assert undescribed == []


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: one.name)
def test_an_example_uses_inputs_and_outputs_that_are_there(example: Path) -> None:
    module = blocks("module", example)["huntbridge"]
    used = re.findall(r"module\.huntbridge\.(\w+)", (example / "main.tf").read_text())

    assert {one for one in module if not one.startswith("__")} - {"source"} <= set(VARIABLES)
    assert used
    assert set(used) <= set(blocks("output"))


def test_terraform_finds_the_module_well_formatted() -> None:
    terraform = shutil.which("terraform")
    if terraform is None:
        pytest.skip("there is no terraform here")
    done = subprocess.run(
        [terraform, "fmt", "-check", "-diff", "-recursive", MODULE], capture_output=True, text=True
    )

    assert done.returncode == 0, done.stdout + done.stderr
