"""From a recipe to a trained preset."""
