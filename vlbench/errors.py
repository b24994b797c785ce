"""Failures a user can cause. The command line prints their text and no traceback.

Every message says what went wrong, which value, what is allowed and what to do next.

Examples:
    >>> import vlbench
    >>> try:
    ...     vlbench.Budget.parse("many")
    ... except vlbench.errors.VlbenchError as error:
    ...     print(error)
    budget 'many' is not a whole number of pairs, nor a size in bytes. Give one, as in --budget 500 or --budget 5MB.
"""

from __future__ import annotations


class VlbenchError(Exception):
    """Base of every expected failure."""


class UnknownNameError(VlbenchError):
    """A method, suite, dataset, encoder or option of that name does not exist."""


class OptionError(VlbenchError):
    """An option has a value that its declaration does not allow."""


class BudgetError(VlbenchError):
    """A budget is malformed, or larger than the data, or an artifact is over it."""


class DataError(VlbenchError):
    """A user's files are missing, broken or contradict one another."""


class ProtocolError(VlbenchError):
    """A suite file is malformed or asks for something that does not fit together."""


class ArtifactError(VlbenchError):
    """An artifact is malformed, not finite, or does not fit the data or student it meets."""


class PluginError(VlbenchError):
    """A plugin cannot be loaded, or what it returned is not what it declared."""


class NotFiniteError(VlbenchError):
    """Data, an encoder or an embedding holds a number that is not finite: no score can be made of it."""


class DivergedError(VlbenchError):
    """A number that is not finite appeared while training or condensing."""
