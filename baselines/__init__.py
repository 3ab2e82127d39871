"""Classical methods: majority, key mode, and machines on hand-made features."""
