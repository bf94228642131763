"""Three notebooks of wrong answers for the assignment of chapter 04: see `wrong_answers`."""

SIDE = """
my_side = side
for kernel, stride, padding in layers:
    my_side = my_side * stride if {same} else {valid}
my_stamps = np.zeros({length})
for place in range(places):
    my_stamps[place * apart :][:width] += 1
"""
STAMP = """
def transposed_convolution(pixels, kernel, stride):
    rows, columns, _ = pixels.shape
    height, width = kernel.shape[:2]
    size = (rows - 1) * stride + height, (columns - 1) * {across} + width
    result = np.zeros((*size, kernel.shape[2]))
    for r in range(rows):
        for c in range(columns):
            stamps = {stamps}
            result[r * stride :, c * {across} :][:height, :width] {put} stamps
    return result
"""
SLOW = """
def average_of(first, weights, share, warm_up):
    average = first
    for t, new in enumerate(weights, {start}):
        a = min(share, (1 + t) / (10 + t)) if warm_up else share
        average = {mixture}
    return average


def left_over(steps, share, warm_up):
    shares = [min(share, (1 + t) / (10 + t)) if warm_up else share for t in range({start}, {end})]
    return float(np.prod(shares)) if steps else 1
"""
KEEP_OLD, KEEP_NEW = "a * average + (1 - a) * new", "(1 - a) * average + a * new"
WALK = """
def walk(first, second, shares, spherical):
    s = np.array(shares)[:, None]
    cosine = np.dot(first, second) / np.linalg.norm(first) / np.linalg.norm(second)
    w = np.arccos(cosine)
    if {straight}:
        return {line}
    return np.sin({start} * w) / np.sin(w) * first + np.sin({end} * w) / np.sin(w) * second
"""
LINE, BACK = "(1 - s) * first + s * second", "s * first + (1 - s) * second"
NEARLY_EQUAL = "not spherical or cosine > 1 - 1e-9"
SOFTER = """
def smoothed_loss(real_logits, fake_logits, target):
    p, q = sigmoid(real_logits), sigmoid(fake_logits)
    real = -(target * np.log(p) + (1 - target) * np.log(1 - p))
    return real.mean() + {fake}.mean()


def best_logit(real_share, target):
    p = {best}
    return {logit}
"""
SIGMOID = "def sigmoid(logits):\n    return {}\n\n"
PLAIN, SOFT = "-np.log(1 - q)", "-((1 - target) * np.log(q) + target * np.log(1 - q))"
DISTANCE = """
def frechet(first, second):
    means = first.mean(axis=0), second.mean(axis=0)
    C, D = np.cov(first, rowvar={by_row}), np.cov(second, rowvar={by_row})
    squared = np.sum((means[0] - means[1]) ** 2)
    {only_means}
    eigenvalues = np.clip(np.real(np.linalg.eigvals(C @ D)), 0, None)
    return squared + np.trace(C + D) - 2 * np.sqrt(eigenvalues).sum()


down = np.pad(images, [(0, 0), (pixels_down, 0), (0, 0)])[:, :28]
my_floor = frechet(features_of(images[:half]), features_of(images[{other}]))
my_score = frechet(features_of({compared}[:half]), features_of(down[half:]))
"""
RUNS = """
my_runs = {}
for letter, (*_, (loss, distance, of_average)) in zip("ABCD", runs):
    if loss > 3:
        my_runs[letter] = "forgotten from_logits"
    elif loss > 1.4:
        my_runs[letter] = "no warm-up"  # the wrong way round
    else:
        my_runs[letter] = "no penalty" if of_average > 0.1 else "healthy"
"""

WRONG = [
    {
        "answer-1": (
            SIDE.format(
                same="padding == 'same'",
                valid="my_side * stride + kernel",
                length="places * apart + width",
            ),
            0,
        ),
        "answer-2": (STAMP.format(across="stride", stamps="kernel @ pixels[r, c]", put="="), 0),
        "answer-3": (SLOW.format(start=1, end="steps + 1", mixture=KEEP_OLD), 5),
        "answer-4": (WALK.format(straight=NEARLY_EQUAL, line=BACK, start="s", end="(1 - s)"), 3),
        "answer-5": (
            SIGMOID.format("1 / (1 + np.exp(-logits))")
            + SOFTER.format(fake=SOFT, best="target", logit="np.log(p / (1 - p))"),
            0,
        ),
        "answer-6": (
            DISTANCE.format(by_row=True, only_means="", other="half:", compared="images"),
            0,
        ),
        "answer-7": ('my_runs = dict.fromkeys("ABCD", "healthy")', 0),
    },
    {
        "answer-1": (
            SIDE.format(same="True", valid="0", length="(places - 1) * apart + width"),
            5,
        ),
        "answer-2": (
            STAMP.format(across="stride", stamps="kernel.swapaxes(2, 3) @ pixels[r, c]", put="+="),
            10,
        ),
        "answer-3": (SLOW.format(start=0, end="steps", mixture=KEEP_NEW), 5),
        "answer-4": (WALK.format(straight="True", line=LINE, start="0", end="0"), 6),
        "answer-5": (
            SIGMOID.format("np.clip(logits, 1e-7, 1 - 1e-7)")
            + SOFTER.format(fake=PLAIN, best="real_share * target", logit="p"),
            0,
        ),
        "answer-6": (
            DISTANCE.format(by_row=False, only_means="", other=":half", compared="images"),
            11,
        ),
        "answer-7": (RUNS, 0),
    },
    {
        "answer-1": (
            SIDE.format(
                same="padding == 'same'",
                valid="(my_side - 1) * stride + kernel",
                length="places * apart",
            ),
            5,
        ),
        "answer-2": (STAMP.format(across="1", stamps="kernel @ pixels[r, c]", put="+="), 5),
        "answer-3": (SLOW.format(start=0, end="steps - 1", mixture=KEEP_OLD), 10),
        "answer-4": (
            WALK.format(straight="not spherical", line=LINE, start="(1 - s)", end="s"),
            7,
        ),
        "answer-5": (
            SIGMOID.format("1 / (1 + np.exp(-logits))")
            + SOFTER.format(fake=PLAIN, best="real_share * target", logit="np.log(p / (1 - p))"),
            7,
        ),
        "answer-6": (
            DISTANCE.format(
                by_row=False, only_means="return squared", other="half:", compared="down"
            ),
            3,
        ),
        "answer-7": ("my_runs = None", 0),
    },
]
