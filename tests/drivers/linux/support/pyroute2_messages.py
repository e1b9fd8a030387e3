"""Messages as pyroute2 reads them, to compare with what packed them."""

from typing import Any


def attributes(message: Any) -> Any:
    """Return the attributes of a decoded message as nested dictionaries."""
    if isinstance(message, list):
        return [attributes(part) for part in message]
    try:
        pairs = message["attrs"]
    except (TypeError, KeyError):
        return message
    return {pair[0]: attributes(pair[1]) for pair in pairs}
