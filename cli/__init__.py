"""mynetctl, the client: it speaks gRPC and nothing else of mynet's.

grpc takes longer to import than all the rest: only a command that calls imports it.
"""
