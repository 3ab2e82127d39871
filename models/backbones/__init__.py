"""The networks that turn tokens into hidden states, one per token."""
