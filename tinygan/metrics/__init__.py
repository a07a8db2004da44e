"""Scores of generated images, most of them on the features of a small net of tinygan's own.

They are not comparable with published scores, which use the Inception network trained on ImageNet;
each is therefore printed beside its floor, the same score of real images. docs/metrics.md says what
each can see and what it cannot.
"""

from tinygan.metrics.classes import (
    ModifiedInceptionScore,
    class_entropy,
    class_histogram,
    inception_score,
    kl_divergence,
    kl_to_uniform,
    modified_inception_score,
)
from tinygan.metrics.classifier import Classifier, classifier_for, train_classifier
from tinygan.metrics.distances import KernelDistance, frechet_distance, kernel_distance
from tinygan.metrics.feature_net import FeatureNet
from tinygan.metrics.features import features_for
from tinygan.metrics.modes import mode_coverage, mode_histogram_scores, stacked_labels
from tinygan.metrics.neighbours import Neighbours, nearest_neighbour_error, nearest_neighbours
from tinygan.metrics.overlap import (
    PrecisionRecall,
    TwoSampleAccuracy,
    precision_recall,
    two_sample_accuracy,
)
from tinygan.metrics.parzen import ParzenScore, parzen_log_likelihood, parzen_score
from tinygan.metrics.random_features import RandomFeatures
from tinygan.metrics.report import Scorer, format_scores, hold_out
from tinygan.metrics.scores import CHEAP, SCORES
from tinygan.metrics.sharpness import laplacian_variance, total_variation

__all__ = [
    "CHEAP", "SCORES", "Classifier", "FeatureNet", "KernelDistance", "ModifiedInceptionScore",
    "Neighbours", "ParzenScore", "PrecisionRecall", "RandomFeatures", "Scorer",
    "TwoSampleAccuracy", "class_entropy", "class_histogram", "classifier_for", "features_for",
    "format_scores", "frechet_distance", "hold_out", "inception_score", "kernel_distance",
    "kl_divergence", "kl_to_uniform", "laplacian_variance", "mode_coverage",
    "mode_histogram_scores", "modified_inception_score", "nearest_neighbour_error",
    "nearest_neighbours", "parzen_log_likelihood", "parzen_score", "precision_recall",
    "stacked_labels", "total_variation", "train_classifier", "two_sample_accuracy",
]  # fmt: skip
