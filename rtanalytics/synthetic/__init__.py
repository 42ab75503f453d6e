"""Synthetic conferences, generated from a seed: for the bundled recording, for tests and for measurements.

Every event, talk and name is fictional. The ground truth is known: which topics were planted, when,
and by which words they are recognised, and which bursts are decoys.
"""

from rtanalytics.synthetic.generate import Synthetic, conference, hard_conference

__all__ = ["Synthetic", "conference", "hard_conference"]
