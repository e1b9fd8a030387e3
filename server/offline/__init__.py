"""Commands for a state directory that no daemon uses: mynetd fsck and mynetd restore."""
