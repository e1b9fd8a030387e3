"""Requests about queues and filters mean the same to pyroute2."""

from pyroute2.netlink.rtnl.tcmsg import tcmsg

from mynet.drivers.linux.netlink.links import tc
from mynet.drivers.linux.values.desired import Rate
from tests.drivers.linux.support.namespaces import decoded
from tests.drivers.linux.support.pyroute2_messages import attributes

CREATE, EXCLUSIVE, REPLACE = 0x400, 0x200, 0x100


def test_pyroute2_decodes_a_limit_as_meant() -> None:
    queue = decoded(tcmsg, tc.set_rate(3, Rate(1_250_000, 16384)))
    assert (queue["header"]["type"], queue["header"]["flags"]) == (36, CREATE | REPLACE)
    assert (queue["index"], queue["parent"]) == (3, 0xFFFFFFFF)
    decoded_attributes = attributes(queue)
    assert decoded_attributes["TCA_KIND"] == "tbf"
    parameters = decoded_attributes["TCA_OPTIONS"]["TCA_TBF_PARMS"]
    assert (parameters["rate"], parameters["peak"]) == (1_250_000, 0)
    assert parameters["limit"] == 1_250_000 // 20 + 16384  # what may wait 50 ms, and the burst


def test_pyroute2_decodes_a_redirection_as_meant() -> None:
    message = tc.redirect(3, 9)
    rule = decoded(tcmsg, message)
    assert (rule["header"]["type"], rule["header"]["flags"]) == (44, CREATE | EXCLUSIVE)
    assert (rule["index"], rule["parent"]) == (3, 0xFFFF0000)
    options = attributes(rule)["TCA_OPTIONS"]
    (key,) = options["TCA_U32_SEL"]["keys"]
    assert (key["key_mask"], key["key_val"]) == (0, 0)
    action = options["TCA_U32_ACT"]["TCA_ACT_PRIO_1"]
    assert action["TCA_ACT_KIND"] == "mirred"
    parameters = action["TCA_ACT_OPTIONS"]["TCA_MIRRED_PARMS"]
    assert (parameters["eaction"], parameters["ifindex"], parameters["action"]) == (1, 9, 4)
