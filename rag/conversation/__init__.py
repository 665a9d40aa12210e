"""A follow-up -> questions that stand by themselves. Reading order: readings, chinese with its parts, latin."""

from rag.conversation.readings import MOST, readings

__all__ = ["MOST", "readings"]
