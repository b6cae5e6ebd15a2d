"""The history of training, epoch by epoch."""

import csv
import io
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, overload

from pyrovae.files import atomic

__all__ = ["History"]

#: The columns that every row has; with validation data there are others.
IN_EVERY_ROW = ("epoch", "loss", "learning_rate", "beta", "seconds")


class History(Sequence[dict[str, Any]]):
    """The rows of training, one for each epoch, in nats per datum.

    A row has ``epoch``, ``loss`` (the objective itself, including its weights), ``learning_rate``,
    ``beta`` (the weight on the KL term, that of a `BetaELBO` included) and ``seconds``. With validation data it also has ``validation_loss`` (the objective
    with the weights that it has at the end of the epoch; early stopping uses it) and
    ``validation_elbo``, ``validation_reconstruction`` and ``validation_kl`` (without any weight).
    A model without a bound, such as an autoencoder, has no column ``validation_elbo`` or
    ``validation_kl``. With an adversary, ``adversarial_loss`` is the weighted penalty that the
    model minimises in addition to ``loss``, and ``adversary_loss`` is the adversary's own loss;
    neither is part of a bound or of ``validation_loss``. With ``fit(skip_norm=...)``, ``skipped``
    is the number of steps that were skipped.

    Args:
        rows: Rows to begin with.

    Attributes:
        best_epoch: The epoch whose weights the model holds, if training kept the best.
        stopped: Why training ended before its last epoch, or ``None``.
        compiled: Whether the step was compiled, and if not, why.
    """

    def __init__(self, rows: Iterable[dict[str, Any]] = ()) -> None:
        self._rows = list(rows)
        self.best_epoch: int | None = None
        self.stopped: str | None = None
        self.compiled: str | None = None

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        return self._rows[index]

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._rows)

    def append(self, row: dict[str, Any]) -> None:
        """Adds an epoch."""
        self._rows.append(row)

    def column(self, name: str) -> list[Any]:
        """Returns the values of one column, with ``None`` where a row lacks it."""
        return [row.get(name) for row in self._rows]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the rows as comma-separated values, with a header."""
        with atomic(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            file.write(self.to_csv())

    def to_csv(self) -> str:
        """Returns the rows as comma-separated values, with a header."""
        table = io.StringIO()
        names = list(dict.fromkeys(name for row in self._rows for name in row))
        writer = csv.DictWriter(table, names)
        writer.writeheader()
        writer.writerows(self._rows)
        return table.getvalue()

    def state_dict(self) -> dict[str, Any]:
        """Returns the rows and how training ended, as plain values."""
        return {
            "rows": list(self._rows),
            "best_epoch": self.best_epoch,
            "stopped": self.stopped,
            "compiled": self.compiled,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "History":
        """Restores a history from its `state_dict`.

        Raises:
            ValueError: If the state is not that of a history.
        """
        rows = state["rows"]
        if not isinstance(rows, list):
            raise ValueError(f"rows: expected a list, got {type(rows).__name__}")
        for number, row in enumerate(rows, start=1):
            if not isinstance(row, dict) or row.get("epoch") != number:
                raise ValueError(f"rows: expected the row of epoch {number}, got {row!r:.60}")
            for name, value in row.items():
                # A spreadsheet would evaluate such a name, and a terminal would obey it.
                if not str(name).isprintable() or str(name).startswith(("=", "+", "-", "@")):
                    raise ValueError(f"rows: expected the name of a column, got {name!r:.60}")
                if not isinstance(name, str) or type(value) not in (int, float):
                    raise ValueError(
                        f"rows: expected a number as {name} of epoch {number}, got {value!r:.60}"
                    )
            lacking = [name for name in IN_EVERY_ROW if name not in row]
            if lacking:
                raise ValueError(f"rows: the row of epoch {number} has no {lacking[0]}")
        history = cls(rows)
        for name, kind in (("best_epoch", int), ("stopped", str), ("compiled", str)):
            if state[name] is not None and type(state[name]) is not kind:
                raise ValueError(f"{name}: expected {kind.__name__}, got {state[name]!r:.60}")
            setattr(history, name, state[name])
        return history

    def __repr__(self) -> str:
        last = f", last {self._rows[-1]}" if self._rows else ""
        return f"History({len(self)} epochs{last})"
