"""What `negbuild verify` found, as text for a person."""

from typing import TYPE_CHECKING

from negbuild.show import certificate_line

if TYPE_CHECKING:  # the stage imports numpy and Pillow, and `--help` needs neither
    from negbuild.stages.verify import Check, VerifyResult

_MOST_PROBLEMS = 5
_INDENT = " " * 10


def verify_lines(result: "VerifyResult") -> list[str]:
    """List every promise and what breaks it, what is odd, and what cannot be proven."""
    lines = [line for check in result.checks for line in _check_lines(check)]
    for tree, inner in result.trees.items():
        lines += ["", f"{tree}/ ({inner.layout})", *verify_lines(inner)]
    lines += [f"warning {text}" for text in result.warnings]
    lines += [f"note    {text}" for text in result.notes]
    lines += [f"unknown {text}" for text in result.unprovable]
    if result.certificate:
        lines.append(certificate_line(result.certificate))
    return lines


def _check_lines(check: "Check") -> list[str]:
    more = len(check.problems) - _MOST_PROBLEMS
    return [
        f"{'broken' if check.problems else 'holds '}  {check.promise}",
        *(f"{_INDENT}{problem}" for problem in check.problems[:_MOST_PROBLEMS]),
        *([f"{_INDENT}and {more:,} more"] if more > 0 else []),
        *(f"{_INDENT}{detail}" for detail in check.details),
    ]
