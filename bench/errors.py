"""The two ways a command can fail, distinguished by exit code."""


class UserError(Exception):
    """Something the user can mend: a wrong name, a missing file, a corrupt MIDI file. Exit code 2.

    The message is one line: what is wrong, where, and what to do.
    """

    exit_code = 2


class WorkError(Exception):
    """Work that was asked for and did not succeed, such as a failed cell. Exit code 1."""

    exit_code = 1
