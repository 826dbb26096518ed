"""Handwritten numbers, read by Vision Transformers that are trained here from scratch.

The way of the data, which the folders follow:

    MNIST ──┬──> canvas ────────────┐
            └──> scene ─┐           ├──> strip ──> model ──> reading ──> overlay ──> page
    camera ────> frame ─┴─> finder ─┘

canvas    a synthetic picture of 1 to N handwritten digits, made on the fly, with the true box of every digit
scene     a synthetic camera frame with the true outline of every number on it, for the finder to learn from
finder    a small network that sees where in a photo, a drawing or a camera frame numbers stand, and how each is turned
strip     the one normalised input of the models; training canvases and real pictures pass through the same function
model     NumberTransformer (encoder and decoder) reads a strip token by token; DigitViT classifies one digit
reading   the digits, a calibrated probability for each, their boxes and the attention; or "no number here"
overlay   the reading drawn over the picture

Imports run one way: pages -> core.understanding -> core.training -> core.reading -> core.model -> core.data -> core.vocab, core.config,
core.files (written whole or not at all), core.process (is it alive).
"""
