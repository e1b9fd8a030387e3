"""The tests of tests/e2e/network/test_traffic.py, with the daemon as the shipped service.

The test of a sandbox by its pid is in test_service.py: the service has a PID namespace of its own
here.
"""

from tests.e2e.network.test_traffic import (
    test_a_connected_sandbox_has_its_own_loopback,
    test_a_sandbox_on_two_networks_leaves_by_the_first,
    test_a_sandbox_talks_to_the_host_by_the_gateway,
    test_an_internal_network_is_shut_off,
    test_sandboxes_reach_each_other_the_moment_connect_returns,
    test_sandboxes_talk_tcp_with_their_own_addresses,
    test_the_kernel_has_the_name_mtu_and_addresses_that_were_asked_for,
    test_the_outside_does_not_reach_a_sandbox,
    test_the_outside_sees_the_address_of_the_host,
    test_two_networks_do_not_reach_each_other,
    test_without_masquerade_the_outside_sees_the_address_of_the_sandbox,
    way_back,
)

__all__ = [
    "test_a_connected_sandbox_has_its_own_loopback",
    "test_a_sandbox_on_two_networks_leaves_by_the_first",
    "test_a_sandbox_talks_to_the_host_by_the_gateway",
    "test_an_internal_network_is_shut_off",
    "test_sandboxes_reach_each_other_the_moment_connect_returns",
    "test_sandboxes_talk_tcp_with_their_own_addresses",
    "test_the_kernel_has_the_name_mtu_and_addresses_that_were_asked_for",
    "test_the_outside_does_not_reach_a_sandbox",
    "test_the_outside_sees_the_address_of_the_host",
    "test_two_networks_do_not_reach_each_other",
    "test_without_masquerade_the_outside_sees_the_address_of_the_sandbox",
    "way_back",
]
