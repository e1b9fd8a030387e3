"""gRPC, and nothing else: unpack the request, call the core, pack the answer.

Only this package imports grpc and the generated code.
"""
