"""What an examination found, in short."""

from collections.abc import Sequence

from mynet.server.reconcile.findings import Finding


def left(findings: Sequence[Finding]) -> list[str]:
    """Return the subjects of what was not mended."""
    return [finding.subject for finding in findings if not finding.repaired]


def mended(findings: Sequence[Finding]) -> list[str]:
    """Return the subjects of what was mended; of endpoints, by their containers."""
    return [finding.subject.split(" of ")[-1] for finding in findings if finding.repaired]
