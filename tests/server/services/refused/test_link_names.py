"""Names of devices and MAC addresses: what is refused, and what the error says to write instead."""

import pytest

from mynet.server.services.from_proto.links import device_name, mac_address

MAC = "02:42:0a:01:00:07"


@pytest.mark.parametrize(
    "name", ["eth0", "br-web", "a" * 15, "a.b-c_d@e", "lan+1", "x=y", "~", "^", "vlan#5", "12", ""]
)
def test_a_name_that_the_kernel_and_nft_take_is_accepted(name: str) -> None:
    assert device_name(name) == name


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("all", "net.ipv4.conf.all is not the setting of one device; name it otherwise"),
        ("default", "net.ipv4.conf.default is not the setting of one device"),
        ("br%d", "the kernel replaces %d by a number"),
        ('a"b', "'\"' is not allowed"),
        ("a;b", "';' is not allowed"),
        ("a,b", "',' is not allowed"),
        ("a&b", "'&' is not allowed"),
        ("a$b", "'$' is not allowed"),
        ("a!b", "'!' is not allowed"),
        ("a b", "' ' is not allowed"),
        ("a/b", "'/' is not allowed"),
        ("eth*", "'*' is not allowed"),
        ("a\u202eb", "'\\u202e' is not allowed"),
        ("e\u0301", "'\\u0301' is not allowed"),
        ("eth\u0660", "'\\u0660' is not allowed"),
        ("-x", "programs take it for an option"),
        ("--help", "programs take it for an option"),
        ("..", "the name of a folder"),
        ("a" * 16, "shorten it to 15 bytes"),
        ("\u00fc" * 8, "shorten it to 15 bytes"),
    ],
)
def test_a_name_is_refused_for_what_is_wrong_with_it(name: str, said: str) -> None:
    with pytest.raises(ValueError, match="is not a device name") as refused:
        device_name(name)
    assert said in str(refused.value)
    assert str(refused.value).isascii()


@pytest.mark.parametrize("mac", [MAC, "02:42:0A:01:00:07", "", "00:00:5e:00:53:01"])
def test_a_unicast_mac_address_is_accepted_in_any_case(mac: str) -> None:
    assert mac_address(mac) == mac.lower()


@pytest.mark.parametrize(
    "mac",
    [
        *("02-42-0a-01-00-07", "02-42-0A-01-00-07", "0242.0a01.0007", "0242.0A01.0007"),
        *("02420a010007", "2:42:a:1:0:7", "2-42-a-1-0-7"),
    ],
)
def test_a_mac_address_in_another_notation_is_answered_by_the_right_one(mac: str) -> None:
    with pytest.raises(ValueError, match=f"in another notation; write {MAC}$"):
        mac_address(mac)


@pytest.mark.parametrize(
    ("mac", "said"),
    [
        ("02:42:0a:ff:fe:01:00:07", "8 bytes (EUI-64)"),
        ("0242.0aff.fe01.0007", "8 bytes (EUI-64)"),
        ("01:00:5e:00:00:01", "an even first byte"),
        ("FF-FF-FF-FF-FF-FF", "an even first byte"),
        ("00:00:00:00:00:00", "it is no device's"),
        ("02:42:0a:01:00", "write six bytes in hexadecimal"),
        ("02:42:0a:01:00:0g", "write six bytes in hexadecimal"),
        ("0\u0662:00:00:00:00:01", "write six bytes in hexadecimal"),
        ("02:42-0a:01-00:07", "write six bytes in hexadecimal"),
        ("a" * 1000, "write six bytes in hexadecimal"),
    ],
)
def test_another_text_is_refused_for_what_is_wrong_with_it(mac: str, said: str) -> None:
    with pytest.raises(ValueError, match="not a unicast MAC address") as refused:
        mac_address(mac)
    assert said in str(refused.value)
