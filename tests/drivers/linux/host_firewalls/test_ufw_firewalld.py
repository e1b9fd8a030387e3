"""The configuration of ufw and firewalld, read from files as these write them."""

from pathlib import Path

import pytest

from mynet.drivers.linux.host_firewalls import ufw_firewalld

RULES = """*filter
:ufw-user-forward - [0:0]
### RULES ###

### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in
-A ufw-user-input -p tcp --dport 22 -j ACCEPT

### tuple ### route:allow any any 0.0.0.0/0 any 0.0.0.0/0 in_br-blue
-A ufw-user-forward -i br-blue -j ACCEPT

### tuple ### route:allow any any 0.0.0.0/0 any 0.0.0.0/0 out_br-blue comment=776869
-A ufw-user-forward -o br-blue -j ACCEPT

### tuple ### route:allow tcp 80 0.0.0.0/0 any 0.0.0.0/0 in_br-web
### tuple ### route:allow any any 10.9.0.7 any 0.0.0.0/0 in_br-half
### tuple ### route:deny any any 0.0.0.0/0 any 0.0.0.0/0 in_br-red
### tuple ### route:allow any any 0.0.0.0/0 any 0.0.0.0/0 in_eth0!out_eth1
### END RULES ###
COMMIT
"""
TRUSTED = """<?xml version="1.0" encoding="utf-8"?>
<zone target="ACCEPT">
  <short>Trusted</short>
  <interface name="br-blue"/>
  <interface name="br-web"/>
  <forward/>
</zone>
"""
PUBLIC = TRUSTED.replace(' target="ACCEPT"', "").replace("br-", "eth-")


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(ufw_firewalld, "UFW", tmp_path / "ufw")
    monkeypatch.setattr(ufw_firewalld, "FIREWALLD", tmp_path / "firewalld")
    (tmp_path / "ufw").mkdir()
    (tmp_path / "firewalld" / "zones").mkdir(parents=True)
    return tmp_path


def test_only_unconditional_routes_of_ufw_are_returned(folders: Path) -> None:
    (folders / "ufw" / "user.rules").write_text(RULES)
    (folders / "ufw" / "user6.rules").write_text(RULES.replace("0.0.0.0/0", "::/0"))
    for version in (4, 6):
        routes = ufw_firewalld.ufw_routes(version)
        assert {route for route in routes if route[1].startswith("br-")} == {
            ("in", "br-blue"),
            ("out", "br-blue"),
        }


def test_firewalld_accepts_the_interfaces_of_zones_that_accept(folders: Path) -> None:
    (folders / "firewalld" / "zones" / "trusted.xml").write_text(TRUSTED)
    (folders / "firewalld" / "zones" / "public.xml").write_text(PUBLIC)
    assert ufw_firewalld.accepted_by_firewalld() == {"br-blue", "br-web"}


def test_missing_files_contain_nothing(folders: Path) -> None:
    assert ufw_firewalld.ufw_routes(4) == frozenset()
    assert ufw_firewalld.accepted_by_firewalld() == frozenset()
    (folders / "ufw" / "user.rules").mkdir()  # nor does one that cannot be read
    assert ufw_firewalld.ufw_routes(4) == frozenset()
