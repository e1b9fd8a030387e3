"""What the doctor finds wrong with the daemon itself."""

import pytest

from mynet.server.model.callers import Listener, Role
from mynet.server.reconcile.checks.daemon import audit_problems, insecure_problems


class AuditLog:
    """An audit log that lacks lines, or does not."""

    def __init__(self, trouble: str) -> None:
        self._trouble = trouble

    def trouble(self) -> str:
        """Return the sentence that was given."""
        return self._trouble


def test_an_audit_log_that_lacks_lines_is_a_problem() -> None:
    [problem] = audit_problems(AuditLog("3 lines wait."))
    assert (problem.subject, problem.description) == ("the audit log", "3 lines wait.")
    assert "Make room" in problem.remedy
    assert list(audit_problems(AuditLog(""))) == []


@pytest.mark.parametrize("role", [Role.ADMIN, Role.READER])
def test_tcp_without_tls_is_a_problem_that_names_the_role(role: Role) -> None:
    unencrypted = Listener("192.0.2.1:4222", role)
    others = [Listener("unix:///run/s", Role.ADMIN), Listener("192.0.2.1:4223", role, tls=True)]
    [problem] = insecure_problems([unencrypted, *others])
    assert problem.subject == "listener 192.0.2.1:4222"
    assert f"in the role {role.name.lower()}" in problem.description
