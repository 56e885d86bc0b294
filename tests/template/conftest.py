"""The template as CloudFormation sees it: translated from SAM, with parameters and conditions worked out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

NOT_HERE = "not in this environment: `make lint-template` runs these tests"
ROOT = Path(__file__).resolve().parents[2]
GONE = object()  # AWS::NoValue


@pytest.fixture
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def read() -> Callable[[str], dict[str, Any]]:
    """A template file, CloudFormation's short forms written out."""
    yaml_helper = pytest.importorskip("samtranslator.yaml_helper", reason=NOT_HERE)
    return lambda name: yaml_helper.yaml_parse((ROOT / name).read_text())


@pytest.fixture(scope="session")
def template(read: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    return read("template.yaml")


@pytest.fixture(scope="session")
def translate() -> Callable[[dict[str, Any]], dict[str, Any]]:
    pytest.importorskip("samtranslator", reason=NOT_HERE)
    import boto3
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    def translated(template: dict[str, Any]) -> dict[str, Any]:
        packaged = deepcopy(template)
        packaged["Globals"]["Function"]["CodeUri"] = "s3://packages/function.zip"  # as `sam deploy` does
        session = boto3.Session(region_name="us-east-1")
        done: dict[str, Any] = Translator({}, Parser(), boto_session=session).translate(packaged, {})
        return done

    return translated


@pytest.fixture(scope="session")
def deployed(
    template: dict[str, Any], translate: Callable[[dict[str, Any]], dict[str, Any]]
) -> Callable[..., dict[str, Any]]:
    """What is deployed with the given parameters, and the defaults of the others."""
    translated = translate(template)

    def with_parameters(partition: str = "aws", **given: str) -> dict[str, Any]:
        defaults = {name: str(one["Default"]) for name, one in translated["Parameters"].items()}
        assert given.keys() <= defaults.keys()
        return Deployment(translated, {**defaults, **given}, partition).template()

    return with_parameters


@pytest.fixture(scope="session")
def lint() -> Callable[[dict[str, Any]], list[str]]:
    api = pytest.importorskip("cfnlint.api", reason=NOT_HERE)
    from cfnlint.config import ManualArgs

    def findings(template: dict[str, Any]) -> list[str]:
        found = api.lint(json.dumps(template), config=ManualArgs(regions=["us-east-1", "eu-central-1"]))
        return sorted({f"{one.rule.id} {one.message}" for one in found})

    return findings


@pytest.fixture
def plain() -> Callable[[Any], Any]:
    return in_plain_words


class Deployment:
    """One set of parameters put into a translated template."""

    def __init__(self, template: dict[str, Any], parameters: dict[str, str], partition: str) -> None:
        self._template, self._partition = template, partition
        self._parameters: dict[str, Any] = {
            name: value.split(",") if "List" in template["Parameters"][name]["Type"] else value
            for name, value in parameters.items()
        }

    def template(self) -> dict[str, Any]:
        kept = {
            section: {
                name: one
                for name, one in self._template[section].items()
                if "Condition" not in one or self._holds({"Condition": one["Condition"]})
            }
            for section in ("Resources", "Outputs")
        }
        worked_out: dict[str, Any] = self._value(kept)
        for one in (*worked_out["Resources"].values(), *worked_out["Outputs"].values()):
            one.pop("Condition", None)
        return {"AWSTemplateFormatVersion": "2010-09-09", **worked_out}

    def _holds(self, condition: dict[str, Any]) -> bool:
        [(name, given)] = condition.items()
        match name:
            case "Condition":
                return self._holds(self._template["Conditions"][given])
            case "Fn::Equals":
                left, right = (
                    self._partition if one == {"Ref": "AWS::Partition"} else str(self._value(one))
                    for one in given
                )
                return left == right
            case "Fn::Not":
                return not self._holds(given[0])
            case "Fn::And":
                return all(self._holds(one) for one in given)
            case "Fn::Or":
                return any(self._holds(one) for one in given)
        raise AssertionError(f"{name} is not a condition of this template")

    def _value(self, value: Any) -> Any:
        match value:
            case {"Fn::If": [condition, then, otherwise]}:
                return self._value(then if self._holds({"Condition": condition}) else otherwise)
            case {"Ref": "AWS::NoValue"}:
                return GONE
            case {"Ref": name} if name in self._parameters:
                return self._parameters[name]
            case {"Fn::Join": [by, parts]}:
                parts = self._value(parts)
                whole = all(isinstance(part, str) for part in parts)
                return by.join(parts) if whole else {"Fn::Join": [by, parts]}
            case {"Fn::Sub": text}:
                return self._substituted(text)
            case dict():
                worked_out = {name: self._value(one) for name, one in value.items()}
                return {name: one for name, one in worked_out.items() if one is not GONE}
            case list():
                return [one for one in map(self._value, value) if one is not GONE]
        return value

    def _substituted(self, given: str | list[Any]) -> Any:
        """Only what AWS alone can put in stays in it."""
        text, names = (given, {}) if isinstance(given, str) else (given[0], self._value(given[1]))
        known = {**self._parameters, **{name: one for name, one in names.items() if isinstance(one, str)}}
        for name, one in names.items():
            if isinstance(one, dict) and one.keys() == {"Ref"}:
                known[name] = f"${{{one['Ref']}}}"
        text = re.sub(r"\$\{(\w+)\}", lambda found: str(known.get(found[1], found[0])), text)
        rest = {name: one for name, one in names.items() if name not in known}
        if rest:
            return {"Fn::Sub": [text, rest]}
        return {"Fn::Sub": text} if "${" in text else text


def in_plain_words(value: Any) -> Any:
    """References as text: a reader compares the whole."""
    match value:
        case {"Fn::GetAtt": [name, attribute]}:
            return f"{name}.{attribute}"
        case {"Ref": name}:
            return name
        case {"Fn::Sub": str(text)}:
            return text.replace("${AWS::", "${")
        case dict():
            return {key: in_plain_words(one) for key, one in value.items()}
        case list():
            return [in_plain_words(one) for one in value]
    return value
