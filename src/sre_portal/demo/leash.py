"""Ends a program with its parent: `python leash.py PARENT_PID PROGRAM [ARGUMENT...]`.

Runs as a file and imports almost nothing, so it costs about 10 ms before it turns into the program.
On Linux the kernel then kills the program when the parent is gone, however the parent ended. Elsewhere the
program runs without that, and only an orderly stop of the parent ends it.
"""

import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # from linux/prctl.h


def main() -> None:
    parent, *program = sys.argv[1:]
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415  # not needed elsewhere

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != int(parent):  # it ended before the request was in force
            sys.exit(1)
    os.execv(program[0], program)  # noqa: S606  # the program is our own


if __name__ == "__main__":
    main()
