"""Looking into a trained generator and discriminator; docs/exploring.md explains each look.

All functions run the nets in evaluation mode, leave them as they were, and give the same result
for the same seed. They take Tensors or arrays.
"""

from tinygan.explore.arithmetic import Concepts, draw_concepts, transfer_rates
from tinygan.explore.attributes import bars, has_bar, ink, slant, thickness
from tinygan.explore.classes import conditional_grid, sorted_grid
from tinygan.explore.dropout import (
    drop_rates,
    feature_maps,
    inside_boxes,
    object_maps,
    object_weights,
    without_maps,
)
from tinygan.explore.features import (
    accuracy_by_labels,
    balanced_draw,
    choose_regularisation,
    discriminator_features,
    pool_to_grid,
    svm_accuracy,
)
from tinygan.explore.filters import concentration, guided_forward, patches, strongest
from tinygan.explore.nets import Rate, blocks_of, evaluating, layers_of, outputs, rate, untrained
from tinygan.explore.project import (
    explained_variance,
    neighbour_agreement,
    place_images,
    project,
)
from tinygan.explore.walks import (
    Smoothness,
    lerp,
    save_walk,
    slerp,
    smoothness,
    walk,
)

__all__ = [
    "Concepts", "Rate", "Smoothness", "accuracy_by_labels", "balanced_draw", "bars", "blocks_of",
    "choose_regularisation", "concentration", "conditional_grid", "discriminator_features",
    "draw_concepts", "drop_rates", "evaluating", "explained_variance", "feature_maps",
    "guided_forward", "has_bar", "ink", "inside_boxes", "layers_of", "lerp", "neighbour_agreement",
    "object_maps", "object_weights", "outputs", "patches", "place_images", "pool_to_grid",
    "project", "rate", "save_walk", "slant", "slerp", "smoothness", "sorted_grid", "strongest",
    "svm_accuracy", "thickness", "transfer_rates", "untrained", "walk", "without_maps",
]  # fmt: skip
