"""Topic-level algorithms: they group messages and words first, and then look for bursts.

Each is registered like every other algorithm, with ``topics(recording)`` instead of ``score``
and ``step``.
"""

from rtanalytics.algorithms.topical.base import Found, TopicAlgorithm, View
from rtanalytics.algorithms.topical.bngram import BNgram
from rtanalytics.algorithms.topical.mabed import Mabed
from rtanalytics.algorithms.topical.neighbours import Neighbours
from rtanalytics.algorithms.topical.pivots import MiniBatch, Nmf, NmfBatch

__all__ = ["BNgram", "Found", "Mabed", "MiniBatch", "Neighbours", "Nmf", "NmfBatch", "TopicAlgorithm", "View"]
