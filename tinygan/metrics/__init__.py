"""Scores of generated images, on the features of a small classifier that tinygan trains itself.

They are not comparable with published scores, which use the Inception network trained on ImageNet;
each is therefore printed beside its floor, the same score of real images.
"""

from tinygan.metrics.classifier import Classifier, classifier_for, train_classifier
from tinygan.metrics.report import Scorer, format_scores
from tinygan.metrics.scores import (
    class_histogram,
    frechet_distance,
    inception_score,
    kl_to_uniform,
)

__all__ = [
    "Classifier",
    "Scorer",
    "class_histogram",
    "classifier_for",
    "format_scores",
    "frechet_distance",
    "inception_score",
    "kl_to_uniform",
    "train_classifier",
]
