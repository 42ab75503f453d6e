"""Algorithms that tell topics: which messages and words belong together, and does that burst?

Each is registered like every other algorithm, with ``topics(recording)`` in place of ``score``
and ``step``.
"""

from rtanalytics.algorithms.topical.base import Found, TopicAlgorithm, View
from rtanalytics.algorithms.topical.bngram import BNgram
from rtanalytics.algorithms.topical.mabed import Mabed
from rtanalytics.algorithms.topical.neighbours import Neighbours
from rtanalytics.algorithms.topical.pivots import MiniBatch, Nmf, NmfBatch

__all__ = ["BNgram", "Found", "Mabed", "MiniBatch", "Neighbours", "Nmf", "NmfBatch", "TopicAlgorithm", "View"]
