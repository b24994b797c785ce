"""Trackers: a run of TensorBoard, Weights & Biases or MLflow for each row, where ``vlbench run --log`` names them."""

from __future__ import annotations

import vlbench


@vlbench.hookimpl
def vlbench_observers() -> list[vlbench.Declaration]:
    """Each needs its own library, which comes with the extra of the same name."""
    return [
        vlbench.Declaration(
            name, f"vlbench_trackers.to_{name}:{target}", f"Step values and scores for {product}.", by_request=True
        )
        for name, target, product in (
            ("tensorboard", "TensorBoard", "TensorBoard, in the folder tensorboard beside the runs"),
            ("wandb", "WandB", "Weights & Biases, with its own settings (WANDB_MODE=offline, say)"),
            ("mlflow", "MLflow", "MLflow, at MLFLOW_TRACKING_URI or in mlflow.db beside the runs"),
        )
    ]
