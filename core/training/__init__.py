"""Settings and MNIST in, checkpoints and measured scores out."""
