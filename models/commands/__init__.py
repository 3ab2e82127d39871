"""Commands of `bench` that come with the neural methods."""
