"""The descriptor pool of the reflection service, which also finds methods."""

from typing import TYPE_CHECKING, cast

from google.protobuf import descriptor_pool

if TYPE_CHECKING:
    from google.protobuf.descriptor import FileDescriptor


class _WithMethods:
    """The default pool. By itself it finds the file of every symbol except methods."""

    def __init__(self) -> None:
        self._pool = descriptor_pool.Default()

    def __getattr__(self, name: str) -> object:
        return getattr(self._pool, name)

    def FindFileContainingSymbol(self, symbol: str) -> "FileDescriptor":  # noqa: N802 - the pool's
        """Return the file that defines a symbol. Raises KeyError. Like: grpcurl describe SYMBOL."""
        try:
            return self._pool.FindFileContainingSymbol(symbol)
        except KeyError:
            return self._pool.FindMethodByName(symbol).containing_service.file


def symbols() -> descriptor_pool.DescriptorPool:
    """Return the pool for the reflection service."""
    return cast("descriptor_pool.DescriptorPool", _WithMethods())
