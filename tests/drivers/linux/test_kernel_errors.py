"""What the kernel refuses becomes an error that says what to do."""

import errno

import pytest

from mynet.drivers.errors import KernelError, PrivilegeMissing
from mynet.drivers.linux.kernel_errors import refusals, refused

DOING = "add address 10.1.0.2/24 to eth0"


@pytest.mark.parametrize("number", sorted(errno.errorcode.keys() - {errno.EXFULL}))
def test_every_error_says_what_was_tried_and_what_to_do(number: int) -> None:
    said = str(refused(number, DOING, "interface eth0"))
    asked, _, remedy = said.partition("; ")
    assert DOING in asked
    assert remedy


@pytest.mark.parametrize(
    ("number", "cure"),
    [
        (errno.EACCES, "SELinux, AppArmor"),
        (errno.EMFILE, "LimitNOFILE="),
        (errno.ENOBUFS, "short of memory"),
        (errno.EOPNOTSUPP, "its module is not loaded"),
        (errno.ENODEV, "call again"),
        (errno.EILSEQ, "journalctl -k"),
    ],
)
def test_the_remedy_is_that_of_the_errno(number: int, cure: str) -> None:
    error = refused(number, DOING, "interface eth0", detail="the kernel's words")
    assert isinstance(error, KernelError)
    assert cure in str(error)
    assert "the kernel's words" in str(error)
    assert error.metadata["errno"] == errno.errorcode[number]


def test_a_missing_privilege_names_the_capability() -> None:
    with (
        pytest.raises(PrivilegeMissing, match="give it CAP_NET_RAW") as caught,
        refusals(DOING, "interface eth0", capability="CAP_NET_RAW"),
    ):
        raise PermissionError(errno.EPERM, "no")
    assert caught.value.metadata["capability"] == "CAP_NET_RAW"
