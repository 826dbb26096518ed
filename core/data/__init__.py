"""MNIST in, normalised strips out: the digits, the canvases made of them, the camera, and the one input contract."""
