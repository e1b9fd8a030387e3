"""UpdateNetwork over the real driver: the kernel's state, and the next start."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from mynet.server.calls.call import Call
from tests.server.support import requests
from tests.server.support.findings import unrepaired
from tests.server.support.refusals import refusal
from tests.server.support.stack import Stack


def isolated(stack: Stack) -> dict[str, bool]:
    veths = [link for link in stack.kernel.list_links() if link.kind == "veth"]
    return {link.name: link.port.isolated for link in veths}


@pytest.fixture
def lan(stack: Stack) -> set[str]:
    """A network with an endpoint in a sandbox and one without; return the host's ends of both."""
    stack.network("web", "10.1.0.0/24", "fd00:1::/64")
    made = (stack.connect("c1", netns_name="c1"), stack.connect("loose", interface="cif-loose"))
    return {endpoint.host_interface for endpoint in made}


def test_endpoints_are_isolated_and_joined_again(stack: Stack, lan: set[str]) -> None:
    before = stack.state()
    for icc, apart in (("false", True), ("true", False)):
        stack.update(options={"icc": icc})
        assert {name for name, on in isolated(stack).items() if on} == (lan if apart else set())
        assert stack.kernel.firewall.networks["br-web"].icc is not apart
        assert all(stack.problems(each.id) == [] for each in stack.endpoints())
    stack.update(remove_options=["icc"])
    after = stack.state()
    assert {key: after[key] for key in after if key != "networks"} == {
        key: before[key] for key in before if key != "networks"
    }


@pytest.mark.usefixtures("lan")
def test_a_family_is_routed_and_masqueraded_again(stack: Stack) -> None:
    nat = stack.kernel.firewall.networks["br-web"]
    options = {"gateway_mode_ipv4": "routed", "gateway_mode_ipv6": "routed"}
    stack.update(options=options)
    routed = replace(nat, masquerade=(), routed=(4, 6))
    assert stack.kernel.firewall.networks == {"br-web": routed}
    stack.update(remove_options=list(options))
    assert stack.kernel.firewall.networks == {"br-web": nat}


def test_an_option_that_contradicts_another_is_refused(stack: Stack) -> None:
    stack.network("web", internal=True)
    asked = requests.change(options={"gateway_mode_ipv4": "routed"})
    refused = refusal(stack.net.UpdateNetwork, asked)
    assert refused.faults == ["options[gateway_mode_ipv4]"]
    asked = requests.change(options={"gateway_mode_ipv4": "isolated"})
    refused = refusal(stack.net.UpdateNetwork, asked)
    assert refused.short == ("UNIMPLEMENTED", "CAPABILITY_UNSUPPORTED")
    assert "isolated would add or remove the host's address" in refused.message


@pytest.mark.parametrize(
    "point", ["links.ensure_bridge", "firewall.add", "host.enable_forwarding", "links.adjust"]
)
@pytest.mark.usefixtures("lan")
def test_a_failure_at_any_step_leaves_the_network_as_it_was(stack: Stack, point: str) -> None:
    before = stack.state()
    stack.kernel.control.fail(point)
    asked = requests.change(
        options={"icc": "false", "gateway_mode_ipv4": "routed"}, labels={"a": "b"}
    )
    assert refusal(stack.net.UpdateNetwork, asked).reason == "KERNEL_ERROR"
    assert stack.state() == before


@pytest.mark.parametrize("made", ["false", "true"])
def test_the_next_start_rolls_back_an_unrecorded_change(
    stack: Stack, lan: set[str], made: str
) -> None:
    """As after kill -9 between the kernel and the record."""
    recorded = {"false": "true", "true": "false"}[made]
    stack.update(options={"icc": recorded})
    before = stack.state()
    [network] = stack.store.networks.all()
    spec = replace(network.spec, options={"icc": made})
    changed, endpoints = replace(network, spec=spec), stack.store.endpoints.all()
    stack.core.network_updates.settle(Call.internal(5), changed, endpoints)
    assert stack.state() != before
    assert unrepaired(stack.core.doctor.recover()) == []
    assert stack.state() == before
    apart = {name for name, on in isolated(stack).items() if on}
    assert apart == (lan if recorded == "false" else set())


def test_a_connect_amid_changes_gets_the_final_options(stack: Stack) -> None:
    stack.network("web", "10.1.0.0/24")

    def work(number: int) -> None:
        if number % 2:
            stack.connect(f"c{number}", interface=f"cif-{number}")
        else:
            stack.update(options={"icc": "false" if number % 4 else "true"})

    with ThreadPoolExecutor(16) as callers:
        list(callers.map(work, range(48)))
    [network] = stack.networks()
    apart = network.options["icc"] == "false"
    outer = [link for link in stack.kernel.list_links() if link.name.startswith("veth")]
    assert [link.port.isolated for link in outer] == [apart] * 24
    assert stack.kernel.firewall.networks["br-web"].icc is not apart
