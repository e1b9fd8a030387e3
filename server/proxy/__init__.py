"""Unix sockets that the daemon accepts by itself, in front of gRPC.

gRPC neither tells which user a caller is nor serves a socket that is open already, such as one of
systemd's. So the daemon accepts the connections, asks the kernel for the user, and passes the bytes
on to a socket of gRPC's in a folder that only the daemon may enter.
"""
