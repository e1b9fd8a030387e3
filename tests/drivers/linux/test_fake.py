"""What tests do to the kernel in memory; test_kernels compares it with the real one."""

import threading

import pytest

from mynet.drivers.api import Sandbox
from mynet.drivers.errors import BridgeFull, KernelError, SandboxNotFound
from mynet.drivers.linux.fake.kernel import FakeKernel
from mynet.drivers.linux.links.mac import mac_from
from mynet.drivers.linux.values.desired import Bridge, Veth

BRIDGE = Bridge("br-web", "mynet:i:web", mac_from("web"), 1400)


@pytest.fixture
def kernel() -> FakeKernel:
    made = FakeKernel()
    made.links.ensure_bridge(BRIDGE)
    return made


def veth(number: int = 1, *, sandbox: Sandbox | None = None) -> Veth:
    mac = f"02:00:00:00:00:{number:02x}"
    bridge = "br-web", BRIDGE.mark, BRIDGE.mac
    names = f"veth{number}", f"mynet:i:{number}", mac, *bridge, 1400, f"in{number}", mac
    return Veth(*names, sandbox=sandbox)


def test_a_method_fails_as_often_as_a_test_asked_for(kernel: FakeKernel) -> None:
    kernel.control.fail("links.attach", times=2)
    for _ in range(2):
        with pytest.raises(KernelError) as caught:
            kernel.links.attach(veth())
        assert caught.value.metadata["errno"] == "EIO"
    kernel.links.attach(veth())


def test_a_method_that_fails_at_once_changes_nothing(kernel: FakeKernel) -> None:
    kernel.control.fail("links.attach")
    with pytest.raises(KernelError):
        kernel.links.attach(veth())
    assert [link.name for link in kernel.list_links()] == ["br-web"]


def test_a_method_that_fails_half_way_leaves_half_of_the_change(kernel: FakeKernel) -> None:
    kernel.control.fail("links.attach.inner", BridgeFull("full"))
    with pytest.raises(BridgeFull, match="full"):
        kernel.links.attach(veth())
    assert {link.name: link.mark for link in kernel.list_links()} == {
        "br-web": "mynet:i:web",
        "veth1": "mynet:i:1",
        "in1": "",
    }


def test_calls_are_counted_even_if_they_fail(kernel: FakeKernel) -> None:
    kernel.control.fail("links.detach")
    with pytest.raises(KernelError):
        kernel.links.detach([])
    kernel.links.detach([])
    assert kernel.control.calls == {"links.ensure_bridge": 1, "links.detach": 2}


def test_a_moved_sandbox_exists_but_not_at_its_old_path(kernel: FakeKernel) -> None:
    box = kernel.add_sandbox("/run/netns/old")
    kernel.links.attach(veth(sandbox=box))
    kernel.move_sandbox("/run/netns/old", "/run/netns/new")
    assert kernel.sandboxes.exists(box)
    assert kernel.sandboxes.identify("/run/netns/new").cookie == box.cookie
    with pytest.raises(SandboxNotFound):
        kernel.links.attach(veth(2, sandbox=box))
    kernel.links.detach([veth(sandbox=box)])
    assert not kernel.list_links(box)


def test_a_new_sandbox_at_a_path_ends_the_old_one(kernel: FakeKernel) -> None:
    old = kernel.add_sandbox("/run/netns/web")
    kernel.links.attach(veth(sandbox=old))
    new = kernel.add_sandbox("/run/netns/web")
    assert new.cookie != old.cookie
    assert not kernel.sandboxes.exists(old)
    assert [link.name for link in kernel.list_links()] == ["br-web"]


def test_deleting_a_missing_sandbox_or_link_does_nothing(kernel: FakeKernel) -> None:
    kernel.delete_sandbox("/run/netns/none")
    kernel.delete_link("none")
    assert [link.name for link in kernel.list_links()] == ["br-web"]


def test_the_uplink_has_the_mtu_that_the_kernel_was_created_with() -> None:
    assert FakeKernel(uplink_mtu=1420).host.uplink_mtu() == 1420


def test_the_fake_returns_copies_of_its_state(kernel: FakeKernel) -> None:
    kernel.firewall.networks.clear()
    kernel.list_links().clear()
    assert kernel.list_links()


def test_many_threads_may_attach_at_once(kernel: FakeKernel) -> None:
    box = kernel.add_sandbox("/run/netns/web")

    def come_and_go(number: int) -> None:
        for _ in range(20):
            kernel.links.attach(veth(number, sandbox=box))
            kernel.links.detach([veth(number, sandbox=box)])
        kernel.links.attach(veth(number, sandbox=box))

    threads = [threading.Thread(target=come_and_go, args=(number,)) for number in range(1, 17)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {link.name for link in kernel.list_links(box)} == {
        f"in{number}" for number in range(1, 17)
    }
    assert (
        len({link.index for link in (*kernel.list_links(), *kernel.list_links(box))}) == 1 + 2 * 16
    )
