"""What can go wrong, as one tree.

Every message gives the value, what is wrong with it and what to try. The exit status is the command line's.

    DefaceError                     1   anything below; catch this one
    ├── UsageError                  2   the call itself cannot be done
    │   ├── OutputExistsError       2   the output is there already
    │   └── GridMismatchError       2   two volumes do not lie on the same grid
    ├── VerificationError           3   a scan was refused: the face may show, or the brain may be hurt
    │   └── SessionError            3   so was one image of a session at least, and with it the session
    ├── InputError                  4   the input cannot be read
    │   ├── UnreadableImageError    4   not there, truncated, or not an image
    │   └── UnsupportedImageError   4   an image, but not a 3-D or 4-D head scan in real numbers
    ├── OutputError                 1   the output cannot be written
    └── ProgramError                1   another program failed, or took too long, or left no usable scan
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from efface.verdict import Verdict


class DefaceError(Exception):
    """Base of all errors that efface raises on purpose."""

    exit_status: ClassVar[int] = 1


class UsageError(DefaceError):
    """The call cannot be done as asked: a wrong option, path or combination."""

    exit_status = 2


class OutputExistsError(UsageError):
    """The output is there already and may not be replaced."""


class GridMismatchError(UsageError):
    """Two volumes do not lie on the same grid."""


class VerificationError(DefaceError):
    """Verification refused the result; nothing was written as if it were fine."""

    exit_status = 3

    def __init__(self, message: str, verdict: Verdict | None = None) -> None:
        super().__init__(message)
        self.verdict = verdict


class SessionError(VerificationError):
    """An image of a session was refused, and with it the session; nothing was written as if it were fine."""

    def __init__(self, message: str, refusals: Mapping[int, VerificationError]) -> None:
        super().__init__(message)
        self.refusals = refusals
        """Place in the session, from 0 -> why that image was refused."""


class InputError(DefaceError):
    """The input cannot be used."""

    exit_status = 4


class UnreadableImageError(InputError):
    """The file is missing, truncated or no image."""


class UnsupportedImageError(InputError):
    """The file is an image, but not a 3-D or 4-D head scan in real numbers."""


class OutputError(DefaceError):
    """The output cannot be written: no permission, no space, no such folder."""


class ProgramError(DefaceError):
    """Another program, run as a method, failed, took too long, or left no scan that can be used."""
