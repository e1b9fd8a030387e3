"""The commands of mynetctl, one module for each group or command."""
