"""Three notebooks of wrong answers for the assignment of chapter 09: see `wrong_answers`."""

READ = """
flat = np.stack([np.ones(6), line.ravel(), orange.ravel()])
{centred}
my_gram = flat @ flat.T / {places}
my_least = np.mean(np.sort(line.ravel()) * {order})
my_near, apart = 1, 1
for kind, size in map(str.split, eyes):
    {layer}
my_far = {far}
"""
SCALED = """my_near += (int(size) - 1) * apart
    if kind == "mean":
        apart = apart * int(size)"""
GRAM = """
def part_gram(features, part):
    w = part.reshape(-1, 1)
    flat = features.reshape(len(w), -1)
    flat = np.hstack({flat})
    return {gram}


def what_it_knows(gram):
    means = {means}
    spread = {spread}
    return means, {correlations}
"""
SPREAD = "gram[1:, 1:] - gram[0, 1:] * gram[1:, :1]"
STYLE = """
def style_loss(painted, painting, share):
    def gram(x, unit_of, places):
        deviation = unit_of.std(axis=(0, 1))
        x = (x - unit_of.mean(axis=(0, 1))) / (deviation + share * deviation.mean())
        flat = np.hstack([np.ones((x[..., 0].size, 1)), x.reshape(-1, x.shape[-1])])
        return flat.T @ flat / places

    total = 0
    for one, other in zip(painted, painting):
        count = one[..., 0].size
        found = gram(one, {unit}, count)
        wanted = gram(other, other, {places})
        total += np.sqrt(((found - wanted) ** 2).sum() / (wanted**2).sum() + 1e-4)
    return total / {layers}
"""
PAINT = """
def variation(picture):
    down, across = picture[1:] - picture[:-1], picture[:, 1:] - picture[:, :-1]
    return {variation}


def variation_slope(picture):
    down, across = picture[1:] - picture[:-1], picture[:, 1:] - picture[:, :-1]
    slope = np.zeros_like(picture)
    slope[:-1] -= down
    slope[:, :-1] -= across
    {behind}
    return slope / {size}


def paint_step(picture, filters, wanted, smooth, rate):
    pull = 2 * filters.T @ (filters @ picture.ravel() - wanted) / {count}
    pull = pull.reshape(picture.shape) + smooth * variation_slope(picture)
    return {painted}
"""
MEAN = "((down**2).sum() + (across**2).sum()) / picture.size / 2"
BEHIND = "slope[1:] += down\n    slope[:, 1:] += across"
COLOURS = """
def recolour(photograph, painting):
    result = np.zeros_like(photograph)
    for c in range(photograph.shape[-1]):
        old = photograph[..., c].ravel()
        values = {values}
        result[..., c] = values[{places}].reshape(photograph.shape[:2])
    return result


gaps = np.isnan(weights)
my_weights = np.where(gaps, {filled}, weights)
my_colour = {colour}
"""
MEASURE = """
def layout(painted, photograph):
    edges = []
    for picture in (painted, photograph):
        grey = {grey}
        down, across = np.diff(grey, axis=0)[:, :-1], np.diff(grey, axis=1)[:-1]
        edges.append(np.sqrt(down**2.0 + across**2.0))
    one, other = (x - x.mean() for x in edges)
    return np.mean(one * other) / {size}


def copied(painted, painting):
    rows, columns = np.array(painted.shape[:2]) // 2
    middle = painted[rows // 2 :, columns // 2 :][:rows, :columns].mean(axis=-1)
    grey, found = painting.mean(axis=-1), []
    for y in range(len(grey) - rows + {last}):
        for x in range(len(grey[0]) - columns + {last}):
            piece = grey[y : y + rows, x : x + columns]
            found.append({found})
    return np.max(found)


my_scores = np.array([(layout(x, photograph), copied(x, painting)) for x in outputs])
"""
CASE = """
my_sets = {{}}
for letter, (distance, kept, pasted) in zip("ABCDEF", sets):
    if pasted > 0.8:
        my_sets[letter] = "{found}" if pasted > 0.985 else "{nearly}"
    elif kept < 0.3:
        my_sets[letter] = "wrong piece"
    elif distance == 1:
        my_sets[letter] = "recoloured"
    else:
        my_sets[letter] = "eyes" if distance < 0.8 else "sharpened"
my_gain = {gain}
"""

WRONG = [
    {
        "answer-1": (  # sums in the place of means; no scale of the layers
            READ.format(
                centred="",
                places=1,
                order="np.sort(orange.ravel())",
                layer="my_near += int(size) - 1",
                far="my_near + 2",
            ),
            0,
        ),
        "answer-2": (  # the ones are not weighted; products without their means
            GRAM.format(
                flat="[np.ones_like(w), w * flat]",
                gram="flat.T @ flat / len(w)",
                means="gram[1:, 0]",
                spread="gram[1:, 1:]",
                correlations="spread / np.sqrt(np.outer(np.diag(spread), np.diag(spread)))",
            ),
            5,
        ),
        "answer-3": (
            STYLE.format(unit="one", places="other[..., 0].size", layers="len(painted)"),
            0,
        ),
        "answer-4": (  # sums and other means
            PAINT.format(
                variation="(np.mean(down**2) + np.mean(across**2)) / 2",
                behind=BEHIND,
                size=1,
                count="picture.size",
                painted="np.clip(picture - rate * pull, -1, 1)",
            ),
            0,
        ),
        "answer-5": (  # the order in the place of the rank; rows in the place of columns
            COLOURS.format(
                values="np.sort(painting[..., c], axis=None)",
                places="old.argsort()",
                filled="1 - np.nansum(weights, axis=1, keepdims=True)",
                colour="my_weights @ pixel",
            ),
            0,
        ),
        "answer-6": (  # whole numbers that cannot be negative; the last place is left out
            MEASURE.format(
                grey="picture.mean(axis=-1).astype(np.uint8)",
                size="(one.std() * other.std())",
                last=0,
                found="abs(np.corrcoef(middle.ravel(), piece.ravel())[0, 1])",
            ),
            0,
        ),
        "answer-7": ('my_sets, my_gain = dict.fromkeys("ABCDEF", "eyes"), other[1] - light[1]', 0),
    },
    {
        "answer-1": (  # exchanged in the place of sorted; a mean has its new scale already
            READ.format(
                centred="",
                places=6,
                order="orange.ravel()[::-1]",
                layer='apart *= int(size) if kind == "mean" else 1\n'
                "    my_near += (int(size) - 1) * apart",
                far="my_near + 2",
            ),
            4,
        ),
        "answer-2": (  # weighted twice; a covariance
            GRAM.format(
                flat="[np.ones_like(w), flat]",
                gram="(w * flat).T @ (w * flat) / w.sum()",
                means="gram[0, 1:]",
                spread=SPREAD,
                correlations="spread",
            ),
            6,
        ),
        "answer-3": (STYLE.format(unit="other", places="other[..., 0].size", layers=1), 9),
        "answer-4": (  # half of the slope; nothing is cut off
            PAINT.format(
                variation=MEAN,
                behind="",
                size="picture.size",
                count="len(wanted)",
                painted="picture - rate * pull",
            ),
            6,
        ),
        "answer-5": (  # all channels in one order; the wrong side of the matrix
            COLOURS.format(
                values="np.sort(painting, axis=None)",
                places="old.argsort().argsort()",
                filled="1 - np.nansum(weights, axis=0)",
                colour="my_weights @ pixel",
            ),
            5,
        ),
        "answer-6": (  # the strength of a piece counts
            MEASURE.format(
                grey="picture.mean(axis=-1)",
                size="max(one.std() * other.std(), 1e-6)",
                last=1,
                found="np.mean((middle - middle.mean()) * piece) / middle.var()",
            ),
            4,
        ),
        "answer-7": (
            CASE.format(found="piece", nearly="hybrid", gain="light[0] - other[0]"),
            8,
        ),
    },
    {
        "answer-1": (  # a covariance; from afar as from near
            READ.format(
                centred="flat[1:] -= flat[1:].mean(axis=1, keepdims=True)",
                places=6,
                order="np.sort(-orange.ravel()) * -1",
                layer=SCALED,
                far="my_near + 1",
            ),
            5,
        ),
        "answer-2": (  # divided by all places; roots of mean squares
            GRAM.format(
                flat="[np.ones_like(w), flat]",
                gram="(w * flat).T @ flat / len(w)",
                means="np.sqrt(np.diag(gram)[1:])",
                spread=SPREAD,
                correlations="spread / np.outer(spread.diagonal(), spread.diagonal()) ** 0.5",
            ),
            6,
        ),
        "answer-3": (STYLE.format(unit="other", places="count", layers="len(painting)"), 11),
        "answer-4": (  # cut off before the step
            PAINT.format(
                variation=MEAN,
                behind=BEHIND,
                size="picture.size",
                count="len(wanted)",
                painted="np.clip(picture, -1, 1) - rate * pull",
            ),
            12,
        ),
        "answer-5": (  # the same value becomes the same value; weights that are all equal
            COLOURS.format(
                values="np.sort(painting[..., c], axis=None)",
                places="np.searchsorted(np.sort(old), old)",
                filled="1 / 3",
                colour="pixel @ my_weights",
            ),
            4,
        ),
        "answer-6": (  # a division by 0
            MEASURE.format(
                grey="picture.mean(axis=-1)",
                size="(one.std() * other.std())",
                last=1,
                found="np.corrcoef(middle.ravel(), piece.ravel())[0, 1]",
            ),
            9,
        ),
        "answer-7": (  # nearly found and exactly found are exchanged
            CASE.format(
                found="hybrid",
                nearly="piece",
                gain="np.interp(other[1], [light[1], strong[1]], [light[0], strong[0]]) - other[0]",
            ),
            5,
        ),
    },
]
