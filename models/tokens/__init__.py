"""Notes as token ids: MidiBERT-Piano's compound words and bardo-composer's performance words."""
