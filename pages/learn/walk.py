"""How it works: one's own drawing followed through the model, stage by stage."""

from pages.common import look

look.header("learn/walk")
