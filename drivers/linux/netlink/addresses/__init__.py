"""Messages about addresses and neighbours."""
