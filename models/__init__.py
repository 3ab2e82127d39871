"""Neural methods: MIDIBERT, MIDIGPT and their multi-task variants."""
