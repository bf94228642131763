"""Three notebooks of wrong answers for the assignment of chapter 08: see `wrong_answers`."""

SHOP = """
here, there = x[F[G]] - x, y[G[F]] - y
my_cycle = {cycle}
my_identity = {identity}
my_F = {way}
my_ways = {ways}
"""
SQUARES = """
def generator_slopes(fake):
    n = fake.size
    return [{first}, {second}]


def best_numbers(p, q):
    D = {best}
    return [D, {left}]
"""
LOSSES = """
def square(judged, target):
    return np.mean((judged - target) ** 2)


def generator_losses(x, y, G, F, d_x, d_y, weight):
    far = lambda ones, others: np.mean(np.abs(ones - others))
    fool = {fool}
    cycle = {cycle}
    same = {same}
    return [fool, cycle, same, {total}]


def discriminators_loss(x, y, old_x, old_y, d_x, d_y):
    on_x = square(x @ d_x, 1) + square(old_x @ d_x, 0)
    on_y = square(y @ d_y, 1) + square(old_y @ d_y, 0)
    return {judges}
"""
CYCLE = "far(x @ G @ F, x) + far(y @ F @ G, y)"
FOOL = "square(x @ G @ d_y, 1) + square(y @ F @ d_x, 1)"
BUFFER = """
def exchange(buffer, fakes, rng):
    number = len(fakes)
    where = {where}
    coin = {coin}
    seen, new = np.array(fakes), np.array(buffer)
    for i in range(number):
        if coin[i]:
            {change}
    return [seen, new]


my_wait = {wait}
my_left = {left}
"""
SWAP = "seen[i], new[where[i]] = buffer[where[i]], fakes[i]"
REACH = """
def seen_by(pixel, size, layers):
    a = b = pixel
    for kernel, stride in layers:
        out = {out}
        zeros = max((out - 1) * stride + kernel - size, 0)
        pad = {pad}
        a, b = {ends}
        {size}
    return [a, b]


def who_feels(norm, shape, place):
    n, row, column, c = place
    result = np.zeros(shape, dtype=bool)
    if norm == "batch":
        result[{batch}] = True
    elif norm == "instance":
        result[{instance}] = True
    else:
        result[{layer}] = True
    return result
"""
ENDS = "max(0, -((kernel - 1 - pad - a) // stride)), min(out - 1, (b + pad) // stride)"
MESSAGE = """
def gap(one, other):
    return np.abs({one} - other)


def message_scores(y, fake, back, noisy, noisy_back, place):
    change, noise = gap(noisy_back, {clean}), gap(noisy, fake)
    there = {there}
    return [gap(back, y).mean(), gap(noisy_back, y).mean(), {answer}, there]


my_scores = np.array([message_scores(y, *test, place) for test in tests])
my_hider = "ABC"[{hider}]
"""
FLOAT = "one.astype(float)"
THERE = "change[:, place].mean() / noise[:, place].mean()"
CASE = """
my_sets = {{}}
for letter, (sleeves, sides, read, fcd, middle, cycle) in zip("ABCDE", sets):
    if fcd > 100:
        my_sets[letter] = "whole only GANs"
    elif middle > 10:
        my_sets[letter] = "{far}" if cycle > 25 else "{near}"
    else:
        my_sets[letter] = "{kept}" if sides > 7 else "{removed}"
my_error = {error}
"""

WRONG = [
    {
        "answer-1": (  # only the bodies are counted; G as the way back
            SHOP.format(
                cycle="np.abs(here).mean() + np.abs(there).mean()",
                identity="g_change + f_change",
                way="G",
                ways="len(x)",
            ),
            0,
        ),
        "answer-2": (  # no mean; a sigmoid of the wrong side; shares of one heap
            SQUARES.format(
                first="2 * (fake - 1)",
                second="-1 / (1 + np.exp(-fake)) / n",
                best="p",
                left="np.sum(p * (D - 1) ** 2 + q * D**2)",
            ),
            0,
        ),
        "answer-3": (  # G and F are exchanged everywhere
            LOSSES.format(
                fool="square(x @ F @ d_y, 1) + square(y @ G @ d_x, 1)",
                cycle="far(x @ F @ G, x) + far(y @ G @ F, y)",
                same="far(x @ G, x) + far(y @ F, y)",
                total="fool + weight * (cycle + same)",
                judges="on_x + on_y",
            ),
            0,
        ),
        "answer-4": (  # a place twice; one coin for all
            BUFFER.format(
                where="rng.integers(0, len(buffer), number)",
                coin="np.repeat(rng.random() < 2, number)",
                change="seen[i], new[where[i]] = new[where[i]].copy(), fakes[i]",
                wait="places / count",
                left="1 - steps * count / places / 2",
            ),
            3,
        ),
        "answer-5": (  # no padding at all; instance and batch exchanged
            REACH.format(
                out="(size - kernel) // stride + 1",
                pad="0",
                ends=ENDS,
                size="size = out",
                batch="n, :, :, c",
                instance=":, :, :, c",
                layer="n",
            ),
            1,
        ),
        "answer-6": (  # a uint8 cannot be negative; what can be seen is taken for the message
            MESSAGE.format(
                one="one",
                clean="back",
                there=THERE,
                answer="change.mean() / noise.mean()",
                hider="np.argmax([test[0][:, place].mean() for test in tests])",
            ),
            0,
        ),
        "answer-7": ('my_sets, my_error = dict.fromkeys("ABCDE", "all losses"), x_error', 0),
    },
    {
        "answer-1": (  # the mean of both ways in the place of the sum
            SHOP.format(
                cycle="(np.abs(here).mean() / 2 + np.abs(there).mean()) / 2",
                identity="(g_change + f_change / 2) / 2",
                way="[list(G).index(j) for j in range(len(x))]",
                ways="len(x) ** 2",
            ),
            2,
        ),
        "answer-2": (  # the slopes of each picture alone; not halved
            SQUARES.format(
                first="2 * (fake - 1) / n",
                second="-1 / (1 + np.exp(fake))",
                best="p / (p + q)",
                left="np.sum(p * (D - 1) ** 2 + q * D**2)",
            ),
            6,
        ),
        "answer-3": (  # fakes are not translated; the identity with its whole weight
            LOSSES.format(
                fool="square(x @ d_x, 1) + square(y @ d_y, 1)",
                cycle=CYCLE,
                same="far(y @ G, y) + far(x @ F, x)",
                total="fool + weight * cycle + weight * same",
                judges="(on_x + on_y) / 4",
            ),
            5,
        ),
        "answer-4": (  # always the first places; the first pictures that were chosen once
            BUFFER.format(
                where="np.arange(number)",
                coin="rng.random(number) < 0.5",
                change=SWAP,
                wait="2 * places / count",
                left="(1 - count / places) ** steps",
            ),
            9,
        ),
        "answer-5": (  # the larger half in front; over all channels
            REACH.format(
                out="-(-size // stride)",
                pad="(zeros + 1) // 2",
                ends=ENDS,
                size="size = out",
                batch=":, :, :, :",
                instance="n, :, :, c",
                layer="n",
            ),
            3,
        ),
        "answer-6": (  # a mean of quotients; the smallest error is taken for the message
            MESSAGE.format(
                one=FLOAT,
                clean="back",
                there="np.mean(change[:, place] / (noise[:, place] + 1))",
                answer="np.mean(change / (noise + 1))",
                hider="my_scores[:, 0].argmin()",
            ),
            3,
        ),
        "answer-7": (
            CASE.format(
                far="whole picture",
                near="no cycle loss",
                kept="all losses",
                removed="no identity loss",
                error="127.5 * cycle_loss - x_error",
            ),
            4,
        ),
    },
    {
        "answer-1": (  # the square in the place of the absolute value
            SHOP.format(
                cycle="np.mean(here**2) / 2 + np.mean(there**2)",
                identity="g_change + f_change / 2",
                way="[list(G).index(j) for j in range(len(x))]",
                ways="2 ** len(x)",
            ),
            5,
        ),
        "answer-2": (  # the wrong sign; as a pull
            SQUARES.format(
                first="2 * (1 - fake) / n",
                second="-1 / (1 + np.exp(fake)) / n",
                best="(p > q) + 0.5 * (p == q)",
                left="np.sum(p * (D - 1) ** 2 + q * D**2) / 2",
            ),
            2,
        ),
        "answer-3": (  # both ways are one mean over all pictures; squares; only the own weight
            LOSSES.format(
                fool=FOOL,
                cycle="np.mean(np.abs(np.vstack([x @ G @ F - x, y @ F @ G - y]))) * 2",
                same="square(y @ G, y) + square(x @ F, x)",
                total="fool + weight * cycle + 0.5 * weight * same",
                judges="(square(x @ d_y, 1) + square(old_x @ d_y, 0) + on_x) / 2",
            ),
            4,
        ),
        "answer-4": (  # the older picture is lost: D gets the fake twice
            BUFFER.format(
                where="rng.permutation(len(buffer))[:number]",
                coin="rng.random(number) < 0.5",
                change="new[where[i]], seen[i] = fakes[i], new[where[i - 1]]",
                wait="places / (2 * count)",
                left="(1 - count / places / 2) ** steps",
            ),
            2,
        ),
        "answer-5": (  # the border is not cut off, the size is that of the picture; no channels
            REACH.format(
                out="-(-size // stride)",
                pad="zeros // 2",
                ends="-((kernel - 1 - pad - a) // stride), (b + pad) // stride",
                size="size = out",
                batch=":, row, column, c",
                instance="n, :, :, c",
                layer="n, :, :, c",
            ),
            5,
        ),
        "answer-6": (  # against the pullover; the change there, divided by the whole noise
            MESSAGE.format(
                one=FLOAT,
                clean="y",
                there="change[:, place].mean() / noise.mean()",
                answer="change.mean() / noise.mean()",
                hider="np.argmin([test[0][:, place].mean() or 999 for test in tests])",
            ),
            5,
        ),
        "answer-7": (
            CASE.format(
                far="no cycle loss",
                near="whole picture",
                kept="no identity loss",
                removed="all losses",
                error="(127.5 * cycle_loss - x_error) / 2",
            ),
            0,
        ),
    },
]
