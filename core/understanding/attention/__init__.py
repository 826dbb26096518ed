"""Attention under question: heads, faithfulness, and what-if."""
