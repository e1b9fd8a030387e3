"""The front of the daemon: listeners, limits, and the way of a call between gRPC and a servicer."""
