"""YAML that two readers can never read differently, and that cannot grow when it is read.

Refused: duplicate keys, anchors and aliases (a few lines of them unfold into gigabytes), tags,
several documents, deep nesting, keys that are not text, lone surrogates. Plain words follow the
JSON types of YAML 1.2's core schema: ``no`` is a word and not false, ``2026-01-01`` is a text and
not a date.
"""

import re
from collections.abc import Hashable
from typing import Any

import yaml

from ringwall.core import BadConfiguration

_LARGEST = 4 * 1024 * 1024
_DEEPEST = 16


def read_yaml(text: str | bytes, what: str = "alliance description") -> Any:
    """Read one YAML document. Raises BadConfiguration with ``what``, the line and the rule."""
    if len(text) > _LARGEST:
        raise BadConfiguration(f"{what}: over {_LARGEST} bytes", rule="size")
    try:
        return _load(text)
    except _Unclear as error:
        raise _refusal(what, error.problem, error.rule, error.mark) from error
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
        raise _refusal(what, problem, "yaml", mark) from error


class _Unclear(Exception):
    """Something that two readers may read differently."""

    def __init__(self, problem: str, rule: str, mark: Any) -> None:
        super().__init__(problem)
        self.problem = problem
        self.rule = rule
        self.mark = mark


def _load(text: str | bytes) -> Any:
    loader = _StrictLoader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def _refusal(what: str, problem: str, rule: str, mark: Any) -> BadConfiguration:
    place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    return BadConfiguration(f"{what}, {place or 'as a whole'}: {problem}", field=place, rule=rule)


class _StrictLoader(yaml.SafeLoader):
    """PyYAML's safe loader, with everything taken out that has two readings."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _Unclear("anchors and aliases are refused", "alias", event.start_mark)
        if getattr(event, "tag", None):
            raise _Unclear("tags are refused", "tag", event.start_mark)
        if self.depth >= _DEEPEST:
            raise _Unclear(f"nested deeper than {_DEEPEST}", "depth", event.start_mark)
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> str:
        text: str = super().construct_scalar(node)
        try:  # JSON writes a character beyond U+FFFF as a pair of escapes
            return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
        except UnicodeDecodeError as error:
            problem = "a lone surrogate is no character"
            raise _Unclear(problem, "surrogate", node.start_mark) from error

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        mapping: dict[Hashable, Any] = {}
        for key_node, value_node in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise _Unclear("a key must be a text", "key", key_node.start_mark)
            if key in mapping:
                raise _Unclear(f"duplicate key {key[:80]!r}", "duplicate-key", key_node.start_mark)
            mapping[key] = self.construct_object(value_node, deep=deep)
        return mapping


_StrictLoader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"(?:true|false)\Z", "tf"),
    ("int", r"(?:0|-?[1-9][0-9]*)\Z", "-0123456789"),
    ("null", r"(?:null|~|)\Z", ["n", "~", ""]),
):
    _StrictLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(_pattern, re.ASCII), list(_first)
    )
