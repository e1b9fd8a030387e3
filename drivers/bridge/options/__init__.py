"""The options of networks and endpoints: their values, and which of them exclude each other."""
