"""How each model is trained, by name or by a file of settings: what ``tinygan train`` does."""

from tinygan.recipes.plan import Plan, parse_changes
from tinygan.recipes.table import RECIPES, Recipe
from tinygan.recipes.training import Training

__all__ = ["RECIPES", "Plan", "Recipe", "Training", "parse_changes"]
