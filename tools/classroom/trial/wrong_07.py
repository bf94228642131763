"""Three notebooks of wrong answers for the assignment of chapter 07: see `wrong_answers`."""

BACK = """
def grid_size(size, layers):
    for kernel, stride, padding in layers:
        size = {size}
    return size


def pixels_seen(index, layers):
    first, last = index, index
    for kernel, stride, padding in {order}:
        first, last = {first}, {last}
    return [first, last]
"""
CUT = """
def enlarge_and_cut(inputs, targets, rng):
    count, n = inputs.shape[:2]

    def draw():
        return {draw}

    def cut(images, places):
        large = np.repeat(np.repeat(images, 2, axis=1), 2, axis=2)
        parts = zip(large, *places)
        return np.stack([x[a : a + n, b : b + n, :][:, :: [1, -1][c]] for x, a, b, c in parts])

    one = draw()
    return cut(inputs, one), cut(targets, {other})
"""
EACH = "(*rng.integers(0, {}, (2, count)), rng.integers(0, 2, count))"
UNET = """
def instance_norm(x, scale, shift):
    m, v = x.mean(axis={axes}, keepdims=True), x.var(axis={axes}, keepdims=True)
    return {result}


def joined_sizes(size, width, halvings):
    skips = [width * {factor} for d in range(halvings)]
    found = [[size // 2 ** (d + 1), {times} * skips[d]] for d in range({depth})]
    return found[::-1] + [[size, width // 2 + 3]]
"""
LOSSES = """
def softplus(logits):
    return np.logaddexp(0, logits)


def discriminator_loss(real, fake):
    return {discriminator}


def generator_loss(fake, targets, pictures, weight):
    return {generator}
"""
HALF = "0.5 * np.mean(softplus(-real)) + 0.5 * np.mean(softplus(fake))"
LIGHT = """
def shading_and_fit(output, flat, target, part):
    lights = []
    for image in (output, target):
        added = ({image} - flat).mean(axis=-1)
        for n in {parts}:
            added[part == n] -= added[part == n].mean()
        lights.append(added[part >= 0])
    one, other = lights
    return one.std(), {fit}


my_scores = []
for image in outputs:
    distance = np.mean(np.abs({distant} - target))
    my_scores.append([*shading_and_fit(image, flat, target, part), distance])
my_scores = np.array(my_scores)
"""
FIT = "np.mean(one * other) / max(one.std() * other.std(), 1e-6)"
CASE = """
my_sets = {{}}
for letter, (strength, correlation, distance, texture) in zip("ABCDE", sets):
    if distance > 15:
        my_sets[letter] = "cGAN" if texture < 0.4 else "no skips"
    elif correlation > 0.9:
        my_sets[letter] = "blurred"
    else:
        my_sets[letter] = "{weak}" if strength < 0.7 else "{strong}"
my_strength = {strength}
"""

WRONG = [
    {
        "answer-1": (  # median and mean exchanged; the sign of the pull
            "my_l2, my_l1 = sorted(outcomes)[4], sum(outcomes) / 9\n"
            "my_pull = np.sign(outcomes - guess).mean()",
            0,
        ),
        "answer-2": (  # no padding; the kernel off by one
            BACK.format(
                size="(size - kernel) // stride + 1",
                order="layers[::-1]",
                first="first * stride - padding",
                last="last * stride - padding + kernel",
            ),
            0,
        ),
        "answer-3": (CUT.format(draw=EACH.format("n + 1"), other="draw()"), 8),
        "answer-4": (  # batch normalisation; nothing is joined
            UNET.format(
                axes=(0, 1, 2),
                result="(x - m) / np.sqrt(v + 0.001) * scale + shift",
                factor="min(2**d, 8)",
                times=1,
                depth="halvings - 1",
            ),
            3,
        ),
        "answer-5": (  # not halved; the weight stands at the game
            LOSSES.format(
                discriminator="np.mean(softplus(-real)) + np.mean(softplus(fake))",
                generator="weight * np.mean(softplus(-fake)) + np.abs(targets - pictures).mean()",
            ),
            0,
        ),
        "answer-6": (  # one mean for the whole picture
            LIGHT.format(
                image="image.astype(float)",
                parts="()",
                fit="np.corrcoef(one, other)[0, 1]",
                distant="image.astype(float)",
            ),
            0,
        ),
        "answer-7": ('my_sets, my_strength = dict.fromkeys("ABCDE", "L1"), fit', 0),
    },
    {
        "answer-1": (  # the middle of the range; a sum in the place of a mean
            "my_l1, my_l2 = sorted(outcomes)[4], (max(outcomes) + min(outcomes)) / 2\n"
            "my_pull = np.sum(outcomes < guess) - np.sum(outcomes > guess)",
            3,
        ),
        "answer-2": (  # from the first layer to the last
            BACK.format(
                size="1 + (size - kernel + 2 * padding) // stride",
                order="layers",
                first="first * stride - padding",
                last="last * stride - padding + kernel - 1",
            ),
            8,
        ),
        "answer-3": (CUT.format(draw=EACH.format("n"), other="one"), 10),
        "answer-4": (  # no scale and shift; no limit of the channels
            UNET.format(
                axes=(1, 2),
                result="(x - m) / np.sqrt(v + 0.001)",
                factor="2**d",
                times=2,
                depth="halvings - 1",
            ),
            4,
        ),
        "answer-5": (  # L2
            LOSSES.format(
                discriminator=HALF,
                generator="np.mean(softplus(-fake)) + weight * np.mean((targets - pictures) ** 2)",
            ),
            7,
        ),
        "answer-6": (  # a uint8 cannot be negative
            LIGHT.format(image="image", parts="np.unique(part)", fit=FIT, distant="image"),
            7,
        ),
        "answer-7": (
            CASE.format(weak="L1 + cGAN", strong="L1", strength="wanted_shading / shading * fit"),
            4,
        ),
    },
    {
        "answer-1": (  # the neighbour of the median; the pull of L2
            "my_l1, my_l2 = sorted(outcomes)[3], np.mean(outcomes)\n"
            "my_pull = np.mean(guess - outcomes) / 255",
            3,
        ),
        "answer-2": (  # the zeros shift the patch to the other side
            BACK.format(
                size="-(-size // stride)",
                order="layers[::-1]",
                first="first * stride + padding",
                last="last * stride + padding + kernel - 1",
            ),
            3,
        ),
        "answer-3": (  # one place for the whole batch, and all are mirrored
            CUT.format(
                draw="np.repeat([*rng.integers(0, n + 1, (2, 1)), [1]], count, axis=1)",
                other="one",
            ),
            3,
        ),
        "answer-4": (  # the small number at the wrong place; the middle is a skip
            UNET.format(
                axes=(1, 2),
                result="(x - m) / (np.sqrt(v) + 0.001) * scale + shift",
                factor="min(2**d, 8)",
                times=2,
                depth="halvings",
            ),
            2,
        ),
        "answer-5": (  # the logarithm of 1 minus a sigmoid, which is rounded to 0
            LOSSES.format(
                discriminator="-np.mean(np.log(1 / (1 + np.exp(-real)))) / 2"
                " - np.mean(np.log(1 - 1 / (1 + np.exp(-fake)))) / 2",
                generator="weight * np.mean(np.abs(pictures - targets))"
                " - np.mean(np.log(1 / (1 + np.exp(-fake))))",
            ),
            9,
        ),
        "answer-6": (  # no correlation, but a mean product
            LIGHT.format(
                image="image.astype(float)",
                parts="np.unique(part)",
                fit="np.mean(one * other)",
                distant="image.astype(float)",
            ),
            4,
        ),
        "answer-7": (
            CASE.format(weak="L1", strong="L1 + cGAN", strength="wanted_shading / shading"),
            8,
        ),
    },
]
