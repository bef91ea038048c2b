"""Attention-based fusion of a mapping and a masking spectrogram by minimum difference masks.

Shi, Wang, Li, Ding, Ge, Li, Dang, Seki: "Singing Voice Extraction with Attention-Based Spectrograms
Fusion", Interspeech 2020, pp. 2412-2416; its forerunner for reverberant speech: Shi, Wang, Ge, Li,
Dang: "Spectrograms Fusion with Minimum Difference Masks Estimation for Monaural Speech
Dereverberation", ICASSP 2020, pp. 7539-7543.

The numbers of the Interspeech paper (sizes, heads, loss weights, STFT) are not public. What stands
here as a default is the forerunner's value where it has one, and ours where it has none; each
class says which.
"""
