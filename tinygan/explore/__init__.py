"""Looking into a trained generator and discriminator; docs/exploring.md explains each look.

All functions run the nets in evaluation mode, leave them as they were, and give the same result
for the same seed. They take Tensors or arrays.
"""

from tinygan.explore.arithmetic import Concepts, draw_concepts, transfer_rates
from tinygan.explore.attributes import bars, has_bar, ink, slant, thickness
from tinygan.explore.classes import conditional_grid, sorted_grid
from tinygan.explore.context_encoder import ContextEncoder, train_context_encoder
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
from tinygan.explore.holes import HOLES, hole_psnr, holes, paste, poisson_blend
from tinygan.explore.inpaint import Fill, context_weights, search_latent
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
    slerp,
    smoothness,
    walk,
)

__all__ = [
    "HOLES", "Concepts", "ContextEncoder", "Fill", "Rate", "Smoothness", "accuracy_by_labels",
    "balanced_draw", "bars", "blocks_of", "choose_regularisation", "concentration",
    "conditional_grid", "context_weights", "discriminator_features", "draw_concepts", "drop_rates",
    "evaluating", "explained_variance", "feature_maps", "guided_forward", "has_bar", "hole_psnr",
    "holes", "ink", "inside_boxes", "layers_of", "lerp", "neighbour_agreement", "object_maps",
    "object_weights", "outputs", "paste", "patches", "place_images", "poisson_blend",
    "pool_to_grid", "project", "rate", "search_latent", "slant", "slerp", "smoothness",
    "sorted_grid", "strongest", "svm_accuracy", "thickness", "train_context_encoder",
    "transfer_rates", "untrained", "walk", "without_maps",
]  # fmt: skip
