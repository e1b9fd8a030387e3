"""The commands of mynetctl, a module each."""
