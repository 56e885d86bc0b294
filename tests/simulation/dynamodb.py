"""DynamoDB in memory: the operations and the expressions that the store uses, with the service's semantics.

An expression that it does not know is an error of the test, so that nothing is simulated by accident.
"""

from __future__ import annotations

import re
from bisect import bisect_left, insort
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

Item = dict[str, Any]
Key = tuple[str, str]
Refusal = Callable[..., Exception]  # makes the error that an AWS client raises; takes the code and the item

_PAGE = 1024 * 1024  # bytes that one Query or Scan reads
_MAX_ITEM = 400 * 1024  # bytes
_ABSENT = re.compile(r"attribute_not_exists\((\w+)\)")
_BEGINS = re.compile(r"begins_with\((\w+), (:\w+)\)")
_COMPARES = re.compile(r"(#?\w+) (=|<|>=) (:\w+)")
_BETWEEN = re.compile(r"(\w+) BETWEEN (:\w+) AND (:\w+)")
_UPDATE = re.compile(r"SET (?P<set>.*?)(?: REMOVE (?P<remove>#\w+))? ADD (?P<add>#\w+) (?P<number>:\w+)")


class Table:
    """One table, whose keys are `pk` and `sk`."""

    def __init__(self, refuse: Refusal) -> None:
        self._refuse = refuse
        self.partitions: dict[str, dict[str, Item]] = {}
        self._order: dict[str, list[str]] = {}  # the sort keys of each partition

    def get(self, key: Item) -> Item | None:
        pk, sk = _key(key)
        return self.partitions.get(pk, {}).get(sk)

    def put(self, item: Item) -> None:
        if _size(item) > _MAX_ITEM:
            raise self._refuse("ValidationException")
        pk, sk = _key(item)
        partition = self.partitions.setdefault(pk, {})
        if sk not in partition:
            insort(self._order.setdefault(pk, []), sk)
        partition[sk] = dict(item)

    def remove(self, key: Item) -> None:
        pk, sk = _key(key)
        if self.partitions.get(pk, {}).pop(sk, None) is not None:
            order = self._order[pk]
            del order[bisect_left(order, sk)]

    def get_item(self, Key: Item, ConsistentRead: bool) -> Item:
        item = self.get(Key)
        return {} if item is None else {"Item": dict(item)}

    def update_item(self, Key: Item, UpdateExpression: str, **request: Any) -> Item:
        item = self._checked(Key, request)
        names = request["ExpressionAttributeNames"]
        values = request["ExpressionAttributeValues"]
        parts = _UPDATE.fullmatch(UpdateExpression)
        assert parts, UpdateExpression
        new = dict(item or Key)
        touched = []
        for assignment in parts["set"].split(", "):
            name, value = assignment.split(" = ")
            new[names[name]] = values[value]
            touched.append(names[name])
        if parts["remove"]:
            new.pop(names[parts["remove"]], None)
            touched.append(names[parts["remove"]])
        counted = names[parts["add"]]
        before = int(new.get(counted, {"N": "0"})["N"])
        new[counted] = {"N": str(before + int(values[parts["number"]]["N"]))}
        self.put(new)
        assert request["ReturnValues"] == "UPDATED_OLD"
        old = {name: item[name] for name in (*touched, counted) if item and name in item}
        return {"Attributes": old} if old else {}

    def delete_item(self, Key: Item, **request: Any) -> Item:
        item = self._checked(Key, request)
        self.remove(Key)
        returned = item and request.get("ReturnValues") == "ALL_OLD"
        return {"Attributes": dict(item)} if item and returned else {}

    def query(self, KeyConditionExpression: str, **request: Any) -> Item:
        values, matches = request["ExpressionAttributeValues"], _matcher(KeyConditionExpression)
        pk = values[":pk"]["S"]
        order = self._order.get(pk, [])
        forward = request.get("ScanIndexForward", True)
        found = [self.partitions[pk][sk] for sk in (order if forward else reversed(order))]
        items = [item for item in found if matches(item, values)]
        if start := request.get("ExclusiveStartKey"):
            at = start["sk"]["S"]
            items = [item for item in items if (item["sk"]["S"] > at if forward else item["sk"]["S"] < at)]
        return _page(items, request, lambda item: True)

    def scan(self, **request: Any) -> Item:
        items = [self.partitions[pk][sk] for pk in sorted(self._order) for sk in self._order[pk]]
        if start := request.get("ExclusiveStartKey"):
            items = [item for item in items if _key(item) > _key(start)]
        matches = _matcher(request["FilterExpression"])
        return _page(items, request, lambda item: matches(item, request["ExpressionAttributeValues"]))

    def _checked(self, key: Item, request: Mapping[str, Any]) -> Item | None:
        """The item, if the request's condition holds."""
        item = self.get(key)
        if condition := request.get("ConditionExpression"):
            matches = _matcher(condition, tuple(request.get("ExpressionAttributeNames", {}).items()))
            if not matches(item or {}, request.get("ExpressionAttributeValues", {})):
                shown = request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
                raise self._refuse("ConditionalCheckFailedException", item if shown else None)
        return item


def _page(items: list[Item], request: Mapping[str, Any], keeps: Callable[[Item], bool]) -> Item:
    """The items that one call reads. It stops after 1 MB, or after `Limit` items even if no more follow."""
    read: list[Item] = []
    size, limit = 0, request.get("Limit")
    for item in items:
        size += _size(item)
        read.append(item)
        if size > _PAGE or len(read) == limit:
            break
    kept = [dict(item) for item in read if keeps(item)]
    answer: Item = {"Count": len(kept)}
    if request.get("Select") != "COUNT":
        answer["Items"] = kept
    if read and (len(read) < len(items) or len(read) == limit):
        answer["LastEvaluatedKey"] = {name: read[-1][name] for name in ("pk", "sk")}
    return answer


@cache
def _matcher(expression: str, named: tuple[tuple[str, str], ...] = ()) -> Callable[[Item, Item], bool]:
    """Whether an item fulfils conditions that are joined with AND."""
    rest, checks, names = expression, [], dict(named)

    def take(pattern: re.Pattern[str], check: Callable[..., Callable[[Item, Item], bool]]) -> None:
        nonlocal rest
        for found in pattern.finditer(rest):
            checks.append(check(*found.groups()))
        rest = pattern.sub("", rest)

    def value(item: Item, name: str) -> Any:
        (value,) = item.get(names.get(name, name), {"": None}).values()
        return value

    def given(values: Item, name: str) -> Any:
        (value,) = values[name].values()
        return value

    def compares(name: str, sign: str, at: str) -> Callable[[Item, Item], bool]:
        def check(item: Item, values: Item) -> bool:
            left, right = value(item, name), given(values, at)
            if left is None:
                return False
            return bool(left == right if sign == "=" else left < right if sign == "<" else left >= right)

        return check

    take(_ABSENT, lambda name: lambda item, values: name not in item)
    take(_BEGINS, lambda name, at: lambda item, values: value(item, name).startswith(given(values, at)))
    take(
        _BETWEEN,
        lambda name, low, high: (
            lambda item, values: given(values, low) <= value(item, name) <= given(values, high)
        ),
    )
    take(_COMPARES, compares)
    assert not rest.replace(" AND ", "").strip(), expression
    return lambda item, values: all(check(item, values) for check in checks)


def _key(item: Item) -> Key:
    return item["pk"]["S"], item["sk"]["S"]


def _size(item: Item) -> int:
    return sum(
        len(name)
        + sum(len(value) if isinstance(value, bytes) else len(value.encode()) for value in typed.values())
        for name, typed in item.items()
    )
