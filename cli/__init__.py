"""mynetctl, the client. It uses the gRPC API and no other part of mynet.

Importing grpc takes longer than everything else, so only a command that calls the daemon does it.
"""
