"""What several processes gain, and what they are predicted to gain on many GPUs."""
