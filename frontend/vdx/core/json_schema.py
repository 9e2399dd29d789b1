"""JSON schemas that come from outside: tools of clients and of MCP servers."""

from collections.abc import Mapping
from typing import Any

import jsonschema_rs

from vdx.core.errors import InvalidInput

Validator = jsonschema_rs.Draft202012Validator


def validator(schema: Mapping[str, Any]) -> Validator:
    """Checks values against a schema, which may not refer to other documents.

    Raises:
        InvalidInput: it is no JSON schema.
    """
    try:
        return Validator(dict(schema), retriever=_refuse_document)
    except jsonschema_rs.ValidationError as error:
        raise InvalidInput(f"no JSON schema: {error.message}", param="parameters") from None


def mismatch(schema: Mapping[str, Any], value: object) -> str:
    """The first thing in which `value` differs from the schema; empty where nothing does."""
    problem = next(validator(schema).iter_errors(value), None)
    if problem is None:
        return ""
    where = ".".join(str(part) for part in problem.instance_path)
    return f"{where}: {problem.message}" if where else problem.message


def _refuse_document(address: str) -> Any:
    raise ValueError(f"a schema may not refer to another document, here {address!r}")
