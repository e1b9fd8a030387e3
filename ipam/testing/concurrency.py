"""Claims about concurrent calls: the daemon calls a backend from a pool of threads."""

from collections import Counter
from contextlib import suppress
from functools import partial

from mynet.ipam.api import Allocation, IPAddress, IPNetwork, Subnet
from mynet.ipam.errors import AddressInUse, SubnetExhausted
from mynet.ipam.testing.assertions import in_threads, require_equal
from mynet.ipam.testing.bench import Bench
from mynet.ipam.testing.samples import BOTH, LONG, SMALL, usable

_THREADS = 8
_ROUNDS = 10
_BATCH = 4  # not a divisor of the number of addresses


def the_last_addresses_go_to_one_thread_each(bench: Bench) -> None:
    """Allocate in all threads until the subnet is exhausted. Each address is handed out once."""
    for subnet in map(bench.open, SMALL):
        taken = in_threads([partial(bench.take_all, subnet)] * _THREADS)
        given = Counter(address for addresses in taken for address in addresses)
        require_equal(given, Counter(usable(subnet)), f"threads were given of {subnet}")
        require_equal(bench.usage(subnet).free, 0, f"free of {subnet}")


def an_address_goes_to_one_of_the_threads_that_ask_for_it(bench: Bench) -> None:
    """Require that the other threads learn which owner has it."""
    for subnet in map(bench.open, BOTH):
        for number in range(1, _ROUNDS):
            address = subnet[number]
            owners = [f"thread {thread}" for thread in range(_THREADS)]
            answers = in_threads([partial(_ask, bench, subnet, address, owner) for owner in owners])
            winners = [answer.owner for answer in answers if isinstance(answer, Allocation)]
            require_equal(len(winners), 1, f"the number of threads that were given {address}")
            told = [answer.holder for answer in answers if isinstance(answer, AddressInUse)]
            require_equal(told, winners * (_THREADS - 1), "the holder that the others were told")


def an_owner_in_many_threads_gets_one_address(bench: Bench) -> None:
    """Ask in all threads at the same time."""
    for subnet in map(bench.open, BOTH):
        for number in range(1, _ROUNDS):
            answers = in_threads([partial(bench.allocate, subnet, f"owner {number}")] * _THREADS)
            held = bench.allocations(subnet, owner=f"owner {number}")
            require_equal(answers, held * _THREADS, "threads of one owner were given")
            require_equal(len(held), 1, "the number of allocations that one owner has")


def the_last_addresses_go_to_whole_batches(bench: Bench) -> None:
    """Require that each thread gets all that it asked for or nothing."""
    for subnet in map(bench.open, SMALL):
        taken = in_threads([partial(_take_batches, bench, subnet)] * _THREADS)
        batches = [batch for thread in taken for batch in thread]
        given = Counter(allocation.address for batch in batches for allocation in batch)
        count = len(usable(subnet)) // _BATCH
        require_equal([len(batch) for batch in batches], [_BATCH] * count, "the sizes of batches")
        require_equal(set(given.values()), {1}, "how often an address was given")
        require_equal(bench.usage(subnet).allocated, count * _BATCH, f"allocated of {subnet}")


def a_sticky_key_leads_one_thread_to_its_address(bench: Bench) -> None:
    """Require that the other threads that come with the key get other addresses."""
    for cidr in BOTH:
        subnet = bench.open(Subnet(cidr, retention=LONG))
        for number in range(1, _ROUNDS):
            old = bench.allocate(subnet, sticky_key=f"{number}").address
            bench.release(subnet, old)
            come_back = partial(bench.allocate, subnet, sticky_key=f"{number}")
            given = [allocation.address for allocation in in_threads([come_back] * _THREADS)]
            require_equal(given.count(old), 1, f"how often {old} was given back")
            require_equal(len(set(given)), _THREADS, "different addresses")


def no_two_threads_have_the_same_address(bench: Bench) -> None:
    """Allocate and release in all threads. At the end every address is free."""
    for subnet in map(bench.open, SMALL):
        owners = [f"thread {thread}" for thread in range(_THREADS)]
        in_threads([partial(_take_and_give_back, bench, subnet, owner) for owner in owners])
        require_equal(bench.allocations(subnet), [], f"at the end {subnet} has")
        require_equal(bench.usage(subnet).allocated, 0, f"at the end, allocated of {subnet}")
        free = set(bench.take_all(subnet))
        require_equal(free, set(usable(subnet)), f"at the end {subnet} hands out")


def _ask(
    bench: Bench, subnet: IPNetwork, address: IPAddress, owner: str
) -> Allocation | AddressInUse:
    try:
        return bench.allocate(subnet, owner, address=address)
    except AddressInUse as refusal:
        return refusal


def _take_batches(bench: Bench, subnet: IPNetwork) -> list[list[Allocation]]:
    taken: list[list[Allocation]] = []
    with suppress(SubnetExhausted):
        while len(taken) < subnet.num_addresses:
            taken.append(bench.allocate_batch(subnet, [""] * _BATCH))
    return taken


def _take_and_give_back(bench: Bench, subnet: IPNetwork, owner: str) -> None:
    for _ in range(_ROUNDS):
        held = bench.allocate(subnet, owner)
        require_equal(bench.allocations(owner=owner), [held], f"{owner} has")
        require_equal(bench.release(subnet, held.address, owner), held, "released was")
