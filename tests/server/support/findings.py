"""The findings of an examination, in short."""

from collections.abc import Sequence

from mynet.server.reconcile.findings import Finding


def unrepaired(findings: Sequence[Finding]) -> list[str]:
    """Return the subjects that were not repaired."""
    return [finding.subject for finding in findings if not finding.repaired]


def repaired(findings: Sequence[Finding]) -> list[str]:
    """Return the subjects that were repaired; endpoints are named by their containers."""
    return [finding.subject.split(" of ")[-1] for finding in findings if finding.repaired]
