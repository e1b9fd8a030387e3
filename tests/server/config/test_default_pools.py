"""The pools for subnets without a CIDR: as configured, or the defaults of every host."""

from ipaddress import ip_network
from pathlib import Path

import click
import pytest

from mynet.server.config import settings
from mynet.server.config.settings import DEFAULT_POOLS, Settings, parse_pools, ula_pools
from mynet.server.model.subnets import AddressPool

PRIVATE = {"10.192.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"}  # RFC 1918, 6598
MACHINE = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def machine_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file with the machine's id, which is not there yet."""
    path = tmp_path / "machine-id"
    monkeypatch.setattr(settings, "_MACHINE_ID", path)
    return path


def with_pools(*pools: AddressPool) -> Settings:
    return Settings((), Path("/a"), 1, 1, pools=pools, cooldown=7, retention=8)


def test_a_pool_is_a_base_and_a_size_in_any_order() -> None:
    pools = parse_pools(["base=10.64.0.0/10,size=24", "size=64,base=fd00::/48"])
    assert pools == (
        AddressPool(ip_network("10.64.0.0/10"), 24),
        AddressPool(ip_network("fd00::/48"), 64),
    )
    assert parse_pools([]) == ()
    assert parse_pools(["base=10.0.0.0/24,size=24"])[0].prefixlen == 24
    assert parse_pools(["base=10.0.0.0/24,size=32"])[0].prefixlen == 32


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "write base="),
        ("10.0.0.0/8", "write base="),
        ("base=10.0.0.0/8", "write base="),
        ("size=24", "write base="),
        ("base=banana,size=24", "write base="),
        ("base=10.0.0.1/8,size=24", "write base="),
        ("base=10.0.0.0/8,size=big", "write base="),
        ("base=10.0.0.0/8,size=24,colour=red", "the only keys"),
        ("base=10.0.0.0/8,size=7", "from 8 to 32"),
        ("base=10.0.0.0/8,size=33", "from 8 to 32"),
        ("base=fd00::/48,size=129", "from 48 to 128"),
        ("base=127.0.0.0/8,size=24", "loopback"),
        ("base=224.0.0.0/4,size=24", "multicast"),
        ("base=0.0.0.0/0,size=24", "unspecified"),
        ("base=fe80::/10,size=64", "link-local"),
    ],
)
def test_an_invalid_pool_is_refused(text: str, named: str) -> None:
    with pytest.raises(click.BadParameter, match=named):
        parse_pools([text])


@pytest.mark.parametrize("other", ["10.64.0.0/10", "10.64.0.0/16", "10.0.0.0/8"])
def test_pools_that_share_addresses_are_refused(other: str) -> None:
    with pytest.raises(click.BadParameter, match=r"shares addresses with 10\.64\.0\.0/10"):
        parse_pools(["base=10.64.0.0/10,size=24", f"base={other},size=24"])


def test_the_default_pools_are_private_ranges_of_each_family(machine_id: Path) -> None:
    defaults = with_pools().defaults("instance")
    assert defaults.pools == (*DEFAULT_POOLS, *ula_pools("instance"))
    assert (defaults.cooldown, defaults.retention) == (7, 8)
    assert {str(pool.base) for pool in DEFAULT_POOLS} == PRIVATE
    assert defaults.pools[0] == AddressPool(ip_network("10.192.0.0/10"), 24)


def test_configured_pools_replace_the_defaults(machine_id: Path) -> None:
    pool = AddressPool(ip_network("10.0.0.0/16"), 26)
    assert with_pools(pool).defaults("instance").pools == (pool,)


def test_the_pool_of_a_machine_is_the_same_at_every_start(machine_id: Path) -> None:
    machine_id.write_text(f"{MACHINE}\n")
    first = ula_pools("one")
    assert first == ula_pools("another")
    assert {(pool.prefixlen, pool.base.prefixlen) for pool in first} == {(64, 48)}
    assert len({pool.base for pool in first}) == 2
    machine_id.write_text(MACHINE.replace("0", "f"))
    assert ula_pools("one") != first


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe"])
def test_without_a_machine_id_the_pool_is_that_of_the_instance(
    machine_id: Path, content: bytes | None
) -> None:
    if content is not None:
        machine_id.write_bytes(content)
    assert ula_pools("one") == ula_pools("one")
    assert ula_pools("one") != ula_pools("two")
    assert all(str(pool.base).startswith("fd") for pool in ula_pools("one"))


def test_hosts_without_a_finished_machine_id_do_not_share_a_pool(machine_id: Path) -> None:
    machine_id.write_text("uninitialized\n")
    assert ula_pools("one") != ula_pools("two")
