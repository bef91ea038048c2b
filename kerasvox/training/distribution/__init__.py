"""Training on several GPUs or machines; TensorFlow is imported here, and only when it is needed."""
