"""A function in a process of its own, forked before TensorFlow runs, so it is imported once."""

import os
import sys
import traceback

DONE, INTERRUPTED, FAILED = range(3)


def fork(work, *arguments):
    """Call a function in a child; return the child's number. The child ends as `ending` says."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = FAILED
        try:
            work(*arguments)
            code = DONE
        except KeyboardInterrupt:
            code = INTERRUPTED
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(code)
    return child


def ending(child):
    """Wait for a child; return DONE, INTERRUPTED, FAILED, or minus the signal that killed it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
