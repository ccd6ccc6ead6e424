"""Whether an API answers as its own OpenAPI says it does, whatever Schemathesis can think of to ask."""

from collections.abc import Callable, Iterable
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

CHECKS = [not_a_server_error, status_code_conformance, response_schema_conformance]


def faults(operations: Iterable[Any], examples: int, ask: Callable[..., Any]) -> list[str]:
    """Ask each operation some times, as ``ask(case, checks)`` does; return what was a fault or not as documented."""
    found = []
    for operation in operations:

        @settings(
            max_examples=examples,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def several(case: Any) -> None:
            ask(case, CHECKS)

        try:
            several()
        except (Exception, BaseExceptionGroup) as error:
            found.append(f"{operation.label}: {_said(error)}")
    return found


def _said(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return " & ".join(_said(one) for one in error.exceptions)
    return f"{type(error).__name__} {' '.join(str(error).split())[:400]}"
