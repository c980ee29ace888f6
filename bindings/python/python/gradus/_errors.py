"""Exceptions, with the words of the command line."""

from __future__ import annotations


class GradusError(Exception):
    """What Gradus refuses, or could not do."""


class DataError(GradusError, ValueError):
    """Input that cannot be used: the message has the place, what was found and what was expected.

    Attributes
    ----------
    record : int or None
        The number of the record among those given, from 0.
    path : str or None
        The file it is in.
    line : int or None
        Its line there, from 1.
    field : str or None
        The field it is about, such as ``segments[2].end``.
    """

    def __init__(
        self,
        message: str,
        *,
        record: int | None = None,
        path: str | None = None,
        line: int | None = None,
        field: str | None = None,
    ) -> None:
        super().__init__(message)
        self.record = record
        self.path = path
        self.line = line
        self.field = field

    def __reduce__(self) -> tuple[object, ...]:
        return (_data_error, (str(self), self.record, self.path, self.line, self.field))


def _data_error(
    message: str, record: int | None, path: str | None, line: int | None, field: str | None
) -> DataError:
    return DataError(message, record=record, path=path, line=line, field=field)


class StoppedError(GradusError):
    """Training that was stopped by a signal from elsewhere, after it had saved a checkpoint."""


class ServerError(GradusError):
    """What ``gradus serve`` answered instead of scores.

    Attributes
    ----------
    status : int
        The HTTP status; 0 if there was no answer.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status

    def __reduce__(self) -> tuple[object, ...]:
        return (ServerError, (str(self), self.status))
