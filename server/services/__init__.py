"""The gRPC services: unpack the request, call the core, pack the response.

This is the only package that imports grpc and the generated code. A call passes ``front``, a
service, ``from_proto`` (messages into values of the core), the core, and ``to_proto`` (values into
messages). ``status`` has the table of errors.
"""
