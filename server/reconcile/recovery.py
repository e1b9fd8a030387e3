"""Bringing books and host together before the daemon serves."""

from collections.abc import Sequence

import structlog

from mynet.server.calls.call import Call, UnresponsivePlugins
from mynet.server.reconcile.findings import Finding, Report
from mynet.server.reconcile.reconciler import Doctor

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

# For each step. A plugin that hangs costs it once: it must not keep the daemon down for ever.
_SECONDS = 60.0


def recover(doctor: Doctor) -> Sequence[Finding]:
    """Recover; return what was found. What could not be mended is logged, and does not stop it."""
    unresponsive = UnresponsivePlugins()
    report = Report(lambda: Call.internal(_SECONDS, unresponsive), repair=True)
    doctor.recover(report)
    repaired = sum(finding.repaired for finding in report.findings)
    log.info("recovered", found=len(report.findings), repaired=repaired)
    return report.findings
