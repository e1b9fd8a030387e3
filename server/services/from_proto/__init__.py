"""Messages of requests into values of the core. An error names all violations of a request."""
