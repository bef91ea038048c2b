"""Sets that outgrow memory: TFRecord shards with an index, written once and read in place."""
