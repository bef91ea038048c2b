"""The embeddings of the second stage: how mixture and spectrograms meet in the attention.

Four with attention, named as in the Interspeech paper's figure, and the forerunner's plain DNN.
Every one has the same inputs and the same four outputs: see `base.Embedding`.
"""

from kerasvox.errors import UsageError
from kerasvox.models.spectrogram_fusion.embeddings.all_info import AllInfoEmbedding
from kerasvox.models.spectrogram_fusion.embeddings.base import Embedding
from kerasvox.models.spectrogram_fusion.embeddings.dual_attention import DualAttentionEmbedding
from kerasvox.models.spectrogram_fusion.embeddings.no_en_info import NoEnInfoEmbedding
from kerasvox.models.spectrogram_fusion.embeddings.plain import PlainEmbedding
from kerasvox.models.spectrogram_fusion.embeddings.separate_info import SeparateInfoEmbedding

EMBEDDINGS: dict[str, type[Embedding]] = {
    "all_info": AllInfoEmbedding,
    "separate_info": SeparateInfoEmbedding,
    "no_en_info": NoEnInfoEmbedding,
    "dual_attention": DualAttentionEmbedding,
    "plain": PlainEmbedding,
}


def embedding_class(name: str) -> type[Embedding]:
    """Return the class of an embedding by its name.

    Raises:
        UsageError: if there is none of that name; the message lists them.
    """
    if name not in EMBEDDINGS:
        raise UsageError(f"unknown embedding {name!r}; embeddings are {', '.join(EMBEDDINGS)}")
    return EMBEDDINGS[name]
