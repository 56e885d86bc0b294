"""The templates of a configuration: a small, safe part of Jinja.

A template fills in named values, changes them with a few filters and chooses with `if`. It has no loops,
calls or assignments, and no attributes except the keys of `tags`, so its length bounds its time and memory.
The result is plain text, which must be escaped like any other text from outside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from jinja2 import ChainableUndefined, TemplateError, TemplateSyntaxError, nodes
from jinja2 import Template as Compiled
from jinja2.sandbox import ImmutableSandboxedEnvironment

from shared.config.suggestions import advice, quoted
from shared.text import clean, shorten

MAX_TEMPLATE = 2_000  # characters
MAX_OUTPUT = 4_000  # characters
_MAX_DEPTH = 40  # of expressions within expressions
_LIST = "docs/reference/configuration.md lists them under Wording"

# The names that a template may use, each with an example. A name whose value is not known is empty.
NAMES: Mapping[str, object] = {
    "title": "7 malicious, 8 suspicious on web-01 (prod, i-0123456789abcdef0)",
    "summary": "Worst: Malicious File Detected: xmrig (3 times).",
    "severity": "malicious",
    "kind": "processing_with_alarms",
    "event_id": "7f3c9a52",
    "malicious": 7,
    "suspicious": 8,
    "worst": "Malicious File Detected: xmrig",
    "techniques": "T1496 Resource Hijacking, TA0040 Impact",
    "history": "first alarm on this system; none in the 3 hunts before",
    "host": "web-01",
    "instance": "i-0123456789abcdef0",
    "type": "m5.large",
    "platform": "Linux/UNIX",
    "state": "running",
    "account": "prod",
    "account_id": "111122223333",
    "region": "us-east-1",
    "zone": "us-east-1a",
    "place": "us-east-1",
    "private_address": "10.0.1.5",
    "public_address": "203.0.113.7",
    "vpc": "vpc-0a1b2c3d",
    "subnet": "subnet-4e5f6a7b",
    "security_groups": "web (sg-0123abcd)",
    "iam_profile": "arn:aws:iam::111122223333:instance-profile/web_server",
    "image": "ami-0abcdef1234567890",
    "launched": "2026-03-01 08:15 UTC",
    "owner": "shop-team@acme.example",
    "tags": {"Env": "prod"},
    "hunt": "weekly-crown-jewels",
    "scheduled": "2026-11-22 02:00 UTC",
    "project": "weekly-crown-jewels 2026-11-22 02:00",
    "project_id": 12,
    "evidence": "vol-080c44054f2073a7f",
    "evidence_id": 31,
    "captured": "2026-11-22 02:04 UTC",
    "processed": "2026-11-22 11:58 UTC",
    "received": "2026-11-22 12:00 UTC",
    "link": "https://cado.example/projects/12",
    "console_link": "https://us-east-1.console.aws.amazon.com/ec2/home",
}


class Template:
    """A template that was checked.

    >>> Template("{{ host | upper }}{% if tags.Env %} ({{ tags.Env }}){% endif %}").render({"host": "web-01"})
    'WEB-01'
    """

    def __init__(self, text: str) -> None:
        """Raises ValueError with a sentence for the user if the template is not allowed, or if it fails with
        the examples of NAMES or without any values."""
        self.text = text
        self._compiled = _compiled(text)
        for values in (_EXAMPLES, {}):
            try:
                self.render(values)
            except ValueError as error:
                raise ValueError(f"this template does not work: {error}") from None

    def render(self, values: Mapping[str, object]) -> str:
        """Fills in the values. Returns plain text of at most MAX_OUTPUT characters, without white space at
        its ends. A missing value and None are empty. Raises ValueError if a text and a number are
        combined."""
        known = {name: value for name, value in values.items() if value is not None}
        if isinstance(tags := known.get("tags"), Mapping):
            known["tags"] = tags if isinstance(tags, _Tags) else _Tags(tags)
        parts, length = [], 0
        try:
            for part in self._compiled.generate(known):
                parts.append(part)
                length += len(part)
                if length > MAX_OUTPUT:
                    break
        except TypeError:
            raise ValueError("it compares a text with a number, or adds one to the other") from None
        except (TemplateError, ValueError) as error:
            raise ValueError(_plain(error)) from None
        return clean("".join(parts).strip(), MAX_OUTPUT)


class _Tags(dict[str, str]):
    """The tags of a system. A template that names `tags` itself shows all of them."""

    def __str__(self) -> str:
        return ", ".join(f"{key}={value}" for key, value in sorted(self.items()))


class _AnyTag(_Tags):
    """Example tags with a value for every key, so that the check runs everything that a template does with a
    tag."""

    def get(self, key: str, default: Any = None) -> str:
        return "prod"


_EXAMPLES: Mapping[str, object] = {**NAMES, "tags": _AnyTag({"Env": "prod"})}


class _Missing(ChainableUndefined):
    """A value that is not known. It is shown as nothing, every comparison with it is false, and adding it
    changes nothing."""

    def _compare(self, other: object) -> bool:
        return False

    def _add(self, other: object) -> object:
        return other

    __lt__ = __le__ = __gt__ = __ge__ = _compare  # type: ignore[assignment]  # the base class raises
    __add__ = __radd__ = _add  # type: ignore[assignment]


class _Environment(ImmutableSandboxedEnvironment):
    """Reads no attribute of any object. `tags.Env` reads a key of a mapping."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        value = obj.get(argument) if isinstance(obj, Mapping) else None
        return self.undefined(name=str(argument)) if value is None else value


# A filter gets the value first, then its arguments. Each returns at most MAX_OUTPUT characters, so that a
# chain of filters is bounded too.


def _default(value: object, instead: object) -> object:
    return value or instead


def _replace(value: object, old: object, new: object) -> str:
    text = shorten(str(value), MAX_OUTPUT)
    return text.replace(str(old), str(new)[:100])[:MAX_OUTPUT] if old else text


def _truncate(value: object, length: object) -> str:
    if not isinstance(length, int):
        raise ValueError("truncate takes a number of characters")
    return shorten(str(value), min(length, MAX_OUTPUT))


_FILTERS: Mapping[str, tuple[Callable[..., object], int]] = {  # and the number of arguments
    "capitalize": (lambda value: str(value).capitalize()[:MAX_OUTPUT], 0),
    "default": (_default, 1),
    "length": (lambda value: len(str(value)), 0),
    "lower": (lambda value: str(value).lower()[:MAX_OUTPUT], 0),
    "replace": (_replace, 2),
    "truncate": (_truncate, 1),
    "upper": (lambda value: str(value).upper()[:MAX_OUTPUT], 0),
}

_ALLOWED = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.If),
    *(nodes.Name, nodes.Const, nodes.Getattr, nodes.Getitem, nodes.Filter, nodes.CondExpr, nodes.Concat),
    *(nodes.And, nodes.Or, nodes.Not, nodes.Compare, nodes.Operand, nodes.Add, nodes.List, nodes.Tuple),
)


@lru_cache(maxsize=100)
def template(text: str) -> Template:
    """The template of this text, from a cache."""
    return Template(text)


def _compiled(text: str) -> Compiled:
    if len(text) > MAX_TEMPLATE:
        raise ValueError(f"a template has at most {MAX_TEMPLATE:,} characters, and this one {len(text):,}")
    environment = _Environment(
        undefined=_Missing, autoescape=False, trim_blocks=True, lstrip_blocks=True, cache_size=0
    )
    environment.globals, environment.tests = {}, {}
    environment.filters = {name: filter for name, (filter, _) in _FILTERS.items()}
    try:
        tree = environment.parse(text)
        _check(tree, 0)
        return environment.from_string(tree)
    except TemplateSyntaxError as error:
        raise ValueError(f"this is not a template of Jinja: {_plain(error)}") from None
    except RecursionError:
        raise ValueError("this template is nested too deep") from None


def _check(node: nodes.Node, depth: int) -> None:
    """Raises ValueError for the first part of a template that is not allowed."""
    if depth > _MAX_DEPTH:
        raise ValueError("this template is nested too deep")
    match node:
        case nodes.Name(name=name) if name not in NAMES:
            raise ValueError(
                f"{quoted(name)} is not a name for a template{advice(name, NAMES) or f'; {_LIST}'}"
            )
        case nodes.Filter(name=name) if name not in _FILTERS:
            raise ValueError(f"there is no filter {quoted(str(name))}{advice(str(name), _FILTERS)}")
        case nodes.Filter(name=name, args=arguments, kwargs=[], dyn_args=None, dyn_kwargs=None):
            if len(arguments) != _FILTERS[name][1]:
                raise ValueError(f"the filter {name} takes {_FILTERS[name][1]} values in brackets")
        case nodes.Getattr(node=nodes.Name(name="tags"), attr=key) if not key.startswith("_"):
            pass
        case nodes.Getitem(node=nodes.Name(name="tags"), arg=nodes.Const(value=str())):
            pass
        case nodes.Getattr() | nodes.Getitem():
            raise ValueError('only tags has parts: write tags.Env, or tags["Cost Center"]')
        case nodes.Filter():
            raise ValueError('write the arguments of a filter as in {{ host | replace("-", " ") }}')
        case _ if not isinstance(node, _ALLOWED):
            raise ValueError(
                f"a template may not hold {quoted(type(node).__name__.lower())}: it fills in names, "
                "{{ host }} or {{ host | upper }}, and chooses, {% if host %}…{% else %}…{% endif %}"
            )
    for child in node.iter_child_nodes():
        _check(child, depth + 1)


def _plain(error: Exception) -> str:
    """The error's message in one line, without a full stop at its end."""
    return shorten(" ".join(str(error).split()).rstrip("."), 200)
