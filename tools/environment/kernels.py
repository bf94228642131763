"""Let notebooks run in the course's own kernel."""

import os
import sys
from collections.abc import Mapping


def our_kernel_first(env: Mapping[str, str]) -> dict[str, str]:
    """Return environment variables with which `python3` is the kernel of the running Python.

    A kernel of the same name in a reader's folders or on JUPYTER_PATH may belong to another
    installation, without the course's packages.
    """
    ours = os.path.join(sys.prefix, "share", "jupyter")
    others = env.get("JUPYTER_PATH", "").split(os.pathsep)
    path = os.pathsep.join([ours, *(folder for folder in others if folder not in ("", ours))])
    return {**env, "JUPYTER_PATH": path, "JUPYTER_PREFER_ENV_PATH": "1"}
