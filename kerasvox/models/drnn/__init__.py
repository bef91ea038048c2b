"""The deep recurrent network with a joint mask layer and discriminative training.

Huang, Kim, Hasegawa-Johnson, Smaragdis: "Singing-Voice Separation from Monaural Recordings using
Deep Recurrent Neural Networks", ISMIR 2014; "Joint Optimization of Masks and Deep Recurrent Neural
Networks for Monaural Source Separation", IEEE/ACM TASLP 23(12), 2015 (arXiv 1502.04149).
"""
