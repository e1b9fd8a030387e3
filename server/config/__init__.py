"""The settings of mynetd: its options, its config file, and all that is invalid in them."""
