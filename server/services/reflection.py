"""What reflection looks symbols up in: the descriptor pool, made to find methods too."""

from typing import TYPE_CHECKING, cast

from google.protobuf import descriptor_pool

if TYPE_CHECKING:
    from google.protobuf.descriptor import FileDescriptor


class _WithMethods:
    """The default pool, which by itself finds the file of everything but a method."""

    def __init__(self) -> None:
        self._pool = descriptor_pool.Default()

    def __getattr__(self, name: str) -> object:
        return getattr(self._pool, name)

    def FindFileContainingSymbol(self, symbol: str) -> "FileDescriptor":  # noqa: N802 - the pool's
        """Find the file that has a symbol. Raises KeyError. Like: grpcurl describe SYMBOL."""
        try:
            return self._pool.FindFileContainingSymbol(symbol)
        except KeyError:
            return self._pool.FindMethodByName(symbol).containing_service.file


def symbols() -> descriptor_pool.DescriptorPool:
    """Return the pool for the reflection service."""
    return cast("descriptor_pool.DescriptorPool", _WithMethods())
