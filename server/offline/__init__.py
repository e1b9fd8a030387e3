"""``mynetd fsck`` and ``mynetd restore``: for a state directory that no daemon uses."""
