"""The functions that PyTorch has beside its ops, each made of ops: ``tinygan.logsumexp(x, 1)``.

They are methods of tensors too (`tinygan/methods.py`). Names, arguments and results are those of
``torch``; each has derivatives of any order, where it has any.
"""

from tinygan.functions import (
    counting,
    elementwise,
    matrices,
    places,
    reductions,
    shapes,
    smooth,
)
from tinygan.functions.counting import *
from tinygan.functions.elementwise import *
from tinygan.functions.matrices import *
from tinygan.functions.places import *
from tinygan.functions.reductions import *
from tinygan.functions.shapes import *
from tinygan.functions.smooth import *

__all__: list[str] = []
for _file in (counting, elementwise, matrices, places, reductions, shapes, smooth):
    __all__ += _file.__all__
