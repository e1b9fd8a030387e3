"""The daemon's life: claim, open, recover, serve, drain, leave."""

import faulthandler
import os
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import structlog

from mynet.drivers.linux.kernel import LinuxKernel
from mynet.server import memory
from mynet.server.config import config_file
from mynet.server.config.settings import Settings
from mynet.server.core import Core, assemble
from mynet.server.errors import CannotStart
from mynet.server.logs.audit_file import AuditFile
from mynet.server.plugins.catalog import BACKENDS, DRIVERS
from mynet.server.plugins.loading import load_plugins
from mynet.server.reconcile.checks.daemon import (
    DaemonCheck,
    audit_problems,
    insecure_problems,
)
from mynet.server.reconcile.healer import healers
from mynet.server.reload import Reloads, reload
from mynet.server.service_manager import ServiceManager, service_manager
from mynet.server.services.server import Server
from mynet.server.state.backup import delete_unfinished
from mynet.server.state.directory import StateDir, lock_state_dir
from mynet.server.state.namespace import require_no_foreign_devices
from mynet.server.state.namespace_lock import lock_namespace
from mynet.server.state.origin import record_origin
from mynet.server.store import Store
from mynet.server.watchdog import Watchdog

_left_open: list[ExitStack] = []
_OPENING_SECONDS = 120.0  # for the databases, which are checked, and for the plugins
_FEWEST_DESCRIPTORS = 64  # with fewer, calls fail or no connection is accepted

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Daemon:
    """What a daemon works with."""

    core: Core
    server: Server
    store: Store
    state: StateDir
    reloads: Reloads


def run(settings: Settings) -> bool:
    """Run until SIGTERM or SIGINT; return whether all work has ended. Reload at SIGHUP.

    If not, a plugin hangs, and its thread would keep the process alive for ever. The work under way
    is an intent on record, which the next start finishes or rolls back.

    Raises CannotStart, StoreDamaged and StoreUnavailable.
    """
    memory.return_large_blocks()
    # If a service manager aborts a daemon that hangs, the log has where each thread was.
    faulthandler.enable(sys.__stderr__ or sys.stderr)
    next_signal = _signals()
    manager = service_manager(os.environ)
    manager.starting("Opening the state directory", _OPENING_SECONDS)
    _raise_descriptor_limit()
    with ExitStack() as open_things:
        daemon = _open(settings, open_things)
        daemon.reloads["roles"]()
        daemon.core.doctor.recover(manager.steps("Restoring networks and endpoints"))
        record_origin(daemon.state.path)
        if not _serve(daemon, settings, manager, next_signal):
            # What that work uses stays open, and locked, until the process ends.
            _left_open.append(open_things.pop_all())
            log.warning("ended with work under way; the next start finishes it or rolls it back")
            return False
    log.info("stopped")
    return True


def _open(settings: Settings, open_things: ExitStack) -> _Daemon:
    """Claim the state directory and the network namespace, load the plugins, and listen."""
    state = open_things.enter_context(lock_state_dir(settings.state_dir))
    open_things.enter_context(lock_namespace())
    audit = _open_audit_log(settings, open_things)
    delete_unfinished(state.path)
    kernel = LinuxKernel()
    require_no_foreign_devices(kernel, state.instance)
    store = Store(state.path / "mynet.db")
    open_things.callback(store.close)
    drivers = load_plugins(DRIVERS, state.instance, state.path / "drivers")
    backends = load_plugins(BACKENDS, state.instance, state.path / "ipam")
    state.complete()
    defaults = settings.defaults(state.instance)
    checks = _checks(settings, audit)
    core = assemble(state, store, drivers, backends, kernel, defaults, settings.backup_dir, checks)
    server = Server(
        *(core, settings.listen, settings.plugin_timeout, settings.limits, settings.tls),
        audit=audit,
        private=state.path / "listen",
    )
    return _Daemon(core, server, store, state, _reloads(settings, audit, server))


def _serve(
    daemon: _Daemon, settings: Settings, manager: ServiceManager, next_signal: Callable[[], int]
) -> bool:
    """Serve until a signal ends the daemon; return whether all work has ended."""
    core, server = daemon.core, daemon.server
    server.serve()
    addresses = [listener.address for listener in settings.listen]
    watchdog = Watchdog(manager, {"store": daemon.store.await_writer, **server.checks()})
    watching = healers(core.doctor, core.drivers) if settings.heal else ()
    for healer in watching:
        healer.start()
    log.info("serving", listen=addresses, instance=daemon.state.instance, pid=os.getpid())
    manager.ready(status := f"Serving at {', '.join(addresses)}")
    watchdog.start()
    while next_signal() == signal.SIGHUP:
        with manager.reloading(status):
            reload(daemon.reloads)
    log.info("stopping")
    manager.stopping("Waiting for calls in progress")
    watchdog.stop()
    for healer in watching:
        healer.stop()
    drained = server.stop(settings.shutdown_grace)
    patience = 1.0 if drained else 0
    closed = [catalog.close(patience) for catalog in (core.drivers, core.backends)]
    closed += [healer.ended(patience) for healer in watching]
    return drained and all(closed)


def _checks(settings: Settings, audit: AuditFile | None) -> Sequence[DaemonCheck]:
    """Return what the doctor checks of the daemon itself."""
    insecure = partial(insecure_problems, settings.listen)
    return [insecure, partial(audit_problems, audit)] if audit else [insecure]


def _reloads(settings: Settings, audit: AuditFile | None, server: Server) -> Reloads:
    """Return what SIGHUP makes the daemon open or read again."""

    def read_roles() -> None:
        server.front.roles = config_file.read_roles(settings.config_file)

    return {"roles": read_roles, **({"audit log": audit.reopen} if audit else {})}


def _open_audit_log(settings: Settings, open_things: ExitStack) -> AuditFile | None:
    """Open the audit log, if there is one. Raises CannotStart."""
    if not settings.audit_log:
        return None
    audit = AuditFile(settings.audit_log)
    open_things.callback(audit.close)
    return audit


def _raise_descriptor_limit() -> None:
    """Raise the limit of file descriptors to its maximum, as a published port costs one.

    Raises CannotStart where the maximum is too low to serve: mynetd would accept no connection.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most < _FEWEST_DESCRIPTORS:
        raise CannotStart(
            f"mynetd may open {most} files and sockets at the same time, and needs"
            f" {_FEWEST_DESCRIPTORS} and one for each published port: raise the limit"
            " (LimitNOFILE=, ulimit -n)"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _signals() -> Callable[[], int]:
    """Return a function that waits for a signal, and returns its number, at once after one.

    Python runs a signal handler in the main thread, and not while that is going to sleep. So a
    signal that sets an Event can be lost. The byte that it writes into a pipe cannot.
    """
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    signal.set_wakeup_fd(write_end)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)  # without a handler, the signal ends the process
    return lambda: os.read(read_end, 1)[0]
