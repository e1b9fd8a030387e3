"""The state directory, and what a daemon locks for itself.

``directory`` has its identity and the list of its databases, ``lock_file`` its lock, ``origin`` the
kernel that it describes, ``namespace`` the lock of the network namespace. ``backup`` copies the
directory to one file, whose format ``archive`` knows.
"""
