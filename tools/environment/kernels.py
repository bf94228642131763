"""Let notebooks run in the course's own kernel."""

import os
import sys
from pathlib import Path


def our_kernel_first(env: dict[str, str]) -> dict[str, str]:
    """Return environment variables in which `python3` is the kernel of the running Python.

    A kernel of the same name in the reader's folders or on JUPYTER_PATH may belong to another
    installation, in which the course's packages are missing.
    """
    ours = str(Path(sys.prefix) / "share/jupyter")
    others = [
        path for path in env.get("JUPYTER_PATH", "").split(os.pathsep) if path not in ("", ours)
    ]
    return env | {"JUPYTER_PATH": os.pathsep.join([ours, *others]), "JUPYTER_PREFER_ENV_PATH": "1"}
