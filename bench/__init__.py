"""The harness: clips, cells, records and tables. It knows no method by name."""
