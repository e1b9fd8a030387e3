"""The firewall's tables as nft(8) lists them, and as it would list those that a start loads."""

from mynet.drivers.errors import PrivilegeMissing
from mynet.drivers.linux import netns
from mynet.drivers.linux.firewall.ruleset import TABLES, replaced
from mynet.drivers.linux.firewall.tables.nft import run_nft


def list_tables(*options: str) -> str:
    """Return both tables. Like: ``nft -s list table inet mynet; nft -s list table bridge mynet``.

    Raises KernelError if one does not exist.
    """
    return "".join(
        run_nft("list", ["--stateless", *options, "list", *str(table).split()]) for table in TABLES
    )


def has_own_rules(instance: str) -> bool:
    """Return whether the tables have what this version loads, but for the elements of sets.

    The tables must exist. nft(8) lists a table that was just loaded elsewhere in the same words,
    whatever its version and the kernel's. A process that may not make a network namespace does not
    know, and gets False. This takes 30 ms.
    """
    try:
        with netns.temporary():
            run_nft("load", ["-f", "-"], replaced(instance, ()))
            expected = list_tables("--terse")
    except PrivilegeMissing:
        return False
    return list_tables("--terse") == expected
