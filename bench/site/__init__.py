"""The board as a static site: pages that open from a folder, without a server or a network.

Numbers come from `bench.report` and records; songs, keys and piano rolls from the datasets, as far
as they are on this machine.
"""
