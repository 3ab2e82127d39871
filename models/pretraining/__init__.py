"""Pre-training: corpora of unlabelled MIDI files to checkpoints that fine-tuning starts from."""
