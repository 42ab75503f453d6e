"""Generator of synthetic conferences, for the bundled recording, for tests and for measurements.

Every event, talk and name is fictional. The result includes the ground truth: the planted topics with
their times and keywords, and the decoys (bursts of messages that are not topics).
"""

from rtanalytics.synthetic.generate import Synthetic, conference, hard_conference

__all__ = ["Synthetic", "conference", "hard_conference"]
