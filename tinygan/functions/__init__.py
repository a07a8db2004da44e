"""The functions that PyTorch has beside its ops, each made of ops: ``tinygan.logsumexp(x, 1)``.

They are methods of tensors too (`tinygan/methods.py`). Names, arguments and results are those of
``torch``; each has derivatives of any order, where it has any.
"""

from tinygan.functions import elementwise, matrices, reductions, shapes
from tinygan.functions.elementwise import *
from tinygan.functions.matrices import *
from tinygan.functions.reductions import *
from tinygan.functions.shapes import *

__all__: list[str] = []
__all__ += elementwise.__all__
__all__ += matrices.__all__
__all__ += reductions.__all__
__all__ += shapes.__all__
