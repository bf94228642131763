"""Make a page of feedback for each student, in feedback/ of the class.

    python -m tools.classroom.feedback [chapter]

Run it when the answers in words are graded, too. A page shows points, the grader's sentences and a
teacher's comments. It shows no hidden test and no solution.
"""

import sys

from tools.classroom.course import Course, assignments, class_folder
from tools.classroom.grade import waiting


def main(wanted: str = "") -> None:
    course, rows = Course(), []
    for assignment in assignments(wanted):
        students = sorted(
            path.parent.name for path in class_folder().glob(f"autograded/*/{assignment}")
        )
        points = waiting(course, assignment) if students else {}
        for count, student in enumerate(students, 1):
            print(f"  {count:>3} of {len(students)}  {assignment}, {student}", flush=True)
            course.feedback(assignment, student)
        rows.append((assignment, len(students), sum(map(bool, points.values()))))
    print(f"\n{'assignment':<28}{'pages':>8}  students with answers that nobody has graded yet")
    for assignment, pages, open_ones in rows:
        print(f"{assignment:<28}{pages:>8}  {open_ones}")
    print(f"\nPages: '{class_folder() / 'feedback'}'. Grades: '{course.write_csv()}'")


if __name__ == "__main__":
    main(*sys.argv[1:])
