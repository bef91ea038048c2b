"""The repair of Keras 3's `fit` under MultiWorkerMirroredStrategy, keras-team/keras#20585.

Two steps of Keras' TensorFlow trainer fail there. Before the first epoch it builds the model from
a batch that it averages over the replicas, eagerly and across all workers. And its train function
averages the results of a step over axis 0, which the scalars that a step returns do not have.
Neither is needed: the shape of any one replica's batch builds a model, and the results of one
replica will do for a progress bar, as the metrics behind the epoch's logs are read over all
replicas anyway.

`tests/training/test_distribution_keras.py` fails when Keras' own `fit` starts to work; then this
file, its test and `MultiWorker.training_model` go.
"""

from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf


class MultiWorkerFit(keras.Model):
    """A mixin, to stand before the model's own class; made in the strategy's scope.

    `fit` takes a `tf.distribute.DistributedDataset`, and no validation data: `evaluate` and
    `predict` are not repaired.
    """

    train_function: Any

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        for _, _, batches in iterator or ():
            data_batch = self._of_first_replica(next(batches))
            break
        with self.distribute_strategy.scope():
            self._symbolic_build(data_batch=data_batch)

    def make_train_function(self, force: bool = False) -> Callable[[Iterator], Any]:
        """Make what trains on the next batch of a distributed iterator."""
        if self.train_function is None or force:
            strategy = self.distribute_strategy

            @tf.function
            def one_step(iterator: Iterator) -> Any:
                # At the end of the data this raises OutOfRangeError, by which fit ends the epoch.
                results = strategy.run(self.train_step, args=(next(iterator),))
                return self._of_first_replica(results)

            self.train_function = one_step
        return self.train_function

    def _of_first_replica(self, values: Any) -> Any:
        first = self.distribute_strategy.experimental_local_results
        return keras.tree.map_structure(lambda value: first(value)[0], values)
