"""kerasvox: a Keras 3 model zoo that takes the singing voice out of a song.

Importing this package loads neither Keras nor a backend; the models are loaded on first use.

Example:

```python
import kerasvox

separator = kerasvox.Separator.from_preset("drnn_mir1k")
stems = separator.separate("song.wav")  # {"vocals": ..., "accompaniment": ...}
```
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from kerasvox.errors import KerasvoxError
from kerasvox.presets import list_presets

if TYPE_CHECKING:
    from kerasvox.models.drnn.separator import DRNNSeparator
    from kerasvox.models.separator import Separator
    from kerasvox.models.spectrogram_fusion.separator import SpectrogramFusionSeparator
    from kerasvox.models.spectrogram_fusion.two_head_separator import TwoHeadSeparator

__version__ = "0.1.0"

__all__ = [
    "DRNNSeparator",
    "KerasvoxError",
    "Separator",
    "SpectrogramFusionSeparator",
    "TwoHeadSeparator",
    "__version__",
    "list_presets",
]

# Name -> module, for what needs Keras: importing it costs seconds, so it waits until it is used.
_LAZY = {
    "DRNNSeparator": "kerasvox.models.drnn.separator",
    "Separator": "kerasvox.models.separator",
    "SpectrogramFusionSeparator": "kerasvox.models.spectrogram_fusion.separator",
    "TwoHeadSeparator": "kerasvox.models.spectrogram_fusion.two_head_separator",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'kerasvox' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
