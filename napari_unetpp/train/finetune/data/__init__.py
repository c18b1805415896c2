"""The labelled planes of a fine-tuning: read, split, and cut into patches."""
