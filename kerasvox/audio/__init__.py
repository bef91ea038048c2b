"""Audio files in and out, resampling, chunks of long signals: numpy only, no Keras."""
