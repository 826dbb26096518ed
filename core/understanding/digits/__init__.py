"""MNIST's digits examined: their classes, their neighbours, their doubtful labels."""
