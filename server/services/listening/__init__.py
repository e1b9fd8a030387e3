"""Where gRPC listens, and how the daemon calls itself there."""
