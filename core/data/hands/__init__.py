"""Hands that MNIST lacks: pen strokes of hundreds of writers, typefaces, whole numbers and photographed cells, split by who wrote them."""
