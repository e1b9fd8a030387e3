"""Which connection gives way when there are too many."""

from collections import defaultdict
from typing import Generic, TypeVar

T = TypeVar("T")


class Crowd(Generic[T]):
    """The connections of users, each user's in the order of their last activity.

    No user can keep others out: where there is no room, the user with the most connections loses
    the one that was idle longest.
    """

    def __init__(self) -> None:
        self._total = 0
        self._users: defaultdict[int, dict[T, None]] = defaultdict(dict)

    def __len__(self) -> int:
        return self._total

    def add(self, uid: int, connection: T) -> None:
        """Add a new connection."""
        self._users[uid][connection] = None
        self._total += 1

    def note_activity(self, uid: int, connection: T) -> None:
        """Move a connection to the end of its user's."""
        mine = self._users[uid]
        mine[connection] = mine.pop(connection)

    def remove(self, uid: int, connection: T) -> None:
        """Remove a connection that is closed."""
        mine = self._users[uid]
        del mine[connection]
        self._total -= 1
        if not mine:
            del self._users[uid]

    def first_to_go(self) -> tuple[int, T]:
        """Return the connection that gives way, and its user. There is at least one."""
        uid, theirs = max(self._users.items(), key=lambda user: len(user[1]))
        return uid, next(iter(theirs))
