"""nbgrader's settings for this course. COURSE_CLASS_DIR names another folder for a class."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT))  # JupyterLab reads this file, too

from nbgrader import preprocessors as steps  # noqa: E402

from tools.classroom.marks import NoScripts, PutMarks  # noqa: E402

c = get_config()  # noqa: F821  (it is there when nbgrader reads this)
c.CourseDirectory.course_id = "unseen_fashion"
c.CourseDirectory.root = str(ROOT / os.path.expanduser(os.environ.get("COURSE_CLASS_DIR") or HERE))
c.CourseDirectory.source_directory = str(HERE / "source")
c.ClearSolutions.code_stub = {"python": "# YOUR CODE HERE"}

# Hidden tests are taken out before anything goes into the gradebook: so no cell that comes out of
# it, in autograded/ or in feedback/, can show them. The grader reads them in source/.
c.GenerateAssignment.preprocessors = [
    steps.LockCells,
    steps.ClearSolutions,
    steps.ClearHiddenTests,
    steps.ClearOutput,
    steps.CheckCellMetadata,
    steps.ComputeChecksums,
    steps.SaveCells,
]
# No code of a student runs in nbgrader: `make grade` runs it alone, before, and PutMarks shows what
# it found out.
c.NoScripts.enabled = True
c.Autograde.autograde_preprocessors = [
    PutMarks,
    steps.SaveAutoGrades,
    steps.AssignLatePenalties,
    NoScripts,
    steps.CheckCellMetadata,
]
