"""Attention examined: heads, faithfulness, and what-if."""
