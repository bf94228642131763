"""Open JupyterLab on the folder of the class, with nbgrader's formgrader.

    python -m tools.classroom.open_formgrader

nbgrader wants that the class lies in the folder that JupyterLab shows, and reads its settings from
the folder in which JupyterLab is started.
"""

import os
import subprocess
import sys
from pathlib import Path

from tools.classroom.course import ASSIGNMENTS, class_folder
from tools.environment.kernels import our_kernel_first


def main() -> None:
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={class_folder()}"]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    env = {**our_kernel_first(os.environ), "PATH": path, "COURSE_CLASS_DIR": str(class_folder())}
    sys.exit(subprocess.call(command, cwd=ASSIGNMENTS, env=env))


if __name__ == "__main__":
    main()
