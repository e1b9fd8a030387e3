"""check_backend: what keeps the contract passes, and each claim finds what breaks it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mynet.ipam.api import (
    AllocateRequest,
    Allocation,
    Backend,
    BackendContext,
    IPAddress,
    IPNetwork,
)
from mynet.ipam.bitmap import mynet_ipam_backend
from mynet.ipam.errors import AddressInUse, IpamError
from mynet.ipam.testing import CLAIMS, Claim, check_backend, check_claim
from tests.ipam.conformance import (
    nonconforming_allocation,
    nonconforming_batches,
    nonconforming_cooldown,
    nonconforming_durability,
    nonconforming_rules,
)
from tests.ipam.conformance.reference_backend import ReferenceBackend
from tests.ipam.conformance.reference_state import SubnetTable

NONCONFORMING = (
    nonconforming_allocation.NONCONFORMING
    | nonconforming_batches.NONCONFORMING
    | nonconforming_rules.NONCONFORMING
    | nonconforming_durability.NONCONFORMING
    | nonconforming_cooldown.NONCONFORMING
)


REFUSAL = "an_allocated_address_is_refused_with_its_holder"


class RaisesWhatItLikes(ReferenceBackend):
    def table(self, subnet: IPNetwork) -> SubnetTable:
        return self.state.tables[subnet]  # or a KeyError


class FailsToClose(ReferenceBackend):
    def close(self) -> None:
        raise OSError("the disk is gone")


class RaisesIpamErrorOnly(ReferenceBackend):
    def in_use(self, held: Allocation) -> IpamError:  # type: ignore[override]
        return IpamError("it is held", resource=f"address {held.address}", holder=held.owner)


class NamesNothing(ReferenceBackend):
    def in_use(self, held: Allocation) -> AddressInUse:
        return AddressInUse("it is held", holder=held.owner)


class SaysNothing(ReferenceBackend):
    def in_use(self, held: Allocation) -> AddressInUse:
        return AddressInUse("", resource=f"address {held.address}", holder=held.owner)


class GivesWhatItRefuses(ReferenceBackend):
    def allocate_address(
        self, table: SubnetTable, request: AllocateRequest, address: IPAddress
    ) -> Allocation:
        try:
            return super().allocate_address(table, request, address)
        except AddressInUse:
            table.held[address] = replace(table.held[address], owner=request.owner)
            raise


class RefusesToStart(ReferenceBackend):
    def __init__(self, context: BackendContext) -> None:
        raise RuntimeError("it has a fault")


@pytest.fixture(autouse=True, scope="module")
def nothing_stays_open() -> Iterator[None]:
    yield
    # The module's tests may be split into several runs, each of which ends here.
    while nonconforming_durability.LeavesFilesOpen.left:
        os.close(nonconforming_durability.LeavesFilesOpen.left.pop())


def bitmap(context: BackendContext) -> Backend:
    return mynet_ipam_backend(context=context)


@pytest.mark.parametrize("make", [bitmap, ReferenceBackend])
def test_a_backend_that_keeps_the_contract_passes(
    make: Callable[[BackendContext], Backend], tmp_path: Path
) -> None:
    check_backend(make, tmp_path)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.__name__)
def test_each_claim_refuses_a_backend_that_breaks_it(claim: Claim, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=claim.__name__.replace("_", " ")) as caught:
        check_claim(claim, NONCONFORMING[claim.__name__], tmp_path)
    assert "is not an IpamError" not in str(caught.value), "it is more broken than it should be"


def test_a_claim_is_made_once() -> None:
    assert len({claim.__name__ for claim in CLAIMS}) == len(CLAIMS) == len(NONCONFORMING)


@pytest.mark.parametrize(
    ("backend", "sentence"),
    [
        (RaisesWhatItLikes, "allocate raised KeyError, which is not an IpamError"),
        (FailsToClose, "close raised OSError, which is not an IpamError: the disk is gone"),
        (RefusesToStart, "making it raised RuntimeError, which is not an IpamError"),
    ],
)
def test_other_errors_than_the_contracts_are_reported(
    backend: type[ReferenceBackend], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(AssertionError, match=sentence):
        check_backend(backend, tmp_path)


@pytest.mark.parametrize(
    ("backend", "sentence"),
    [
        (RaisesIpamErrorOnly, "IpamError was raised about .*, not AddressInUse: it is held"),
        (NamesNothing, "the resource of AddressInUse is '', which does not name"),
        (SaysNothing, "AddressInUse about .* says nothing"),
        (GivesWhatItRefuses, "having raised AddressInUse, it has changed something"),
    ],
)
def test_an_error_is_checked_for_its_kind_its_words_and_its_effects(
    backend: type[ReferenceBackend], sentence: str, tmp_path: Path
) -> None:
    (claim,) = (claim for claim in CLAIMS if claim.__name__ == REFUSAL)
    with pytest.raises(AssertionError, match=sentence):
        check_claim(claim, backend, tmp_path)


def test_a_claim_may_be_checked_twice_in_one_folder(tmp_path: Path) -> None:
    for claim in (*CLAIMS[:9], *CLAIMS[:9]):
        check_claim(claim, ReferenceBackend, tmp_path)


OPTIMISED = """
import sys
from pathlib import Path
from mynet.ipam.testing import check_backend
from tests.ipam.conformance.nonconforming_allocation import IgnoresOwners
assert False, "asserts are not compiled away"
strangers = {"pytest", "hypothesis"} & set(sys.modules)
if strangers:
    sys.exit(f"a third party would need {strangers}")
try:
    check_backend(IgnoresOwners, Path(sys.argv[1]))
except AssertionError as error:
    print(error)
"""


def test_it_works_without_asserts_and_without_a_test_runner(root: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-O", "-c", OPTIMISED, tmp_path],
        cwd=root,
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "where it should be" in done.stdout
