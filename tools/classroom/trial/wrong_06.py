"""Three notebooks of wrong answers for the assignment of chapter 06: see `wrong_answers`."""

PAIRS = """
my_deaf = {deaf}
my_best = {best}
my_value = {value}
"""
OUTER = "np.outer(p.sum(axis=1), p.sum(axis=0))"
NORM = """
def conditional_norm(x, labels, scales, shifts):
    mean, variance = x.mean(axis={axes}), x.var(axis={axes})
    x = (x - mean) / np.sqrt(variance + 0.001)
    scale, shift = ({table} for table in (scales, shifts))
    return {result}
"""
PROJECTION = """
def projection_logits(f, labels, w, b, rows):
    return {logits}


def favourite_labels(f, rows):
    return {favourite}
"""
LOSSES = """
def softplus(logits):
    return np.logaddexp(0, logits)


def wrong_labels(labels, classes, rng):
    return {labels}


def generator_loss(fake):
    return {generator}


def discriminator_loss(real, fake, wrong=None):
    on_fakes = {fake}
    if wrong is not None:
        {wrong}
    return {real} + on_fakes
"""
# The second function must not suffer from the mistake in the first.
PRICE = """
def wrong_pairs(p):
    return {pairs}


def best_discriminator(p, q):
    r = (p.sum(axis=1)[:, None] - p) / (len(p[0]) - 1)
    return {best}
"""
ORDERS = """
table = np.zeros((10, 10))
for row, column in zip(asked, judge(pictures)):
    table[row, column] += 1
read = judge(real)
of_real = np.array([np.mean(read[labels == n] == n) for n in range(10)])
of_asked = np.diag(table) / table.sum(axis=1)
my_confusion = {confusion}
my_share = {share}
my_ceiling = {ceiling}
my_worst = {worst}
"""
CASE = """
my_sets = {{}}
for letter, (share, fcd, *_) in zip("ABCDE", sets):
    if share < 0.2:
        my_sets[letter] = "deaf"
    elif share < 0.8:
        my_sets[letter] = "{near}" if fcd < 2 else "{far}"
    else:
        my_sets[letter] = "photocopier" if {copied} else "projection + both"
my_obedience = {obedience}
"""

WRONG = [
    {
        "answer-1": (  # each label is asked for equally often; D says how likely a fake is
            PAIRS.format(
                deaf="np.repeat(p.sum(axis=1, keepdims=True), 3, axis=1) / 3",
                best="my_deaf / (p + my_deaf)",
                value="np.mean(np.log(my_best)) + np.mean(np.log(1 - my_best))",
            ),
            0,
        ),
        "answer-2": (
            NORM.format(
                axes=0,
                table="np.reshape(table[labels], (len(x), 1, 1, -1))",
                result="x * scale + shift",
            ),
            0,
        ),
        "answer-3": (
            PROJECTION.format(
                logits="np.sum(f * rows[labels], axis=1) + b",
                favourite="np.argmax(f @ rows.T, axis=0)",
            ),
            0,
        ),
        "answer-4": (  # probabilities in the place of logits
            LOSSES.format(
                labels="rng.permutation(labels)",
                generator="-np.log(fake).mean()",
                fake="-np.log(1 - fake).mean()",
                wrong="on_fakes = (on_fakes - np.log(1 - wrong).mean()) / 2",
                real="-np.log(real).mean()",
            ),
            0,
        ),
        "answer-5": (
            PRICE.format(pairs="p.mean(axis=1, keepdims=True) + 0 * p", best="p / (p + q)"),
            0,
        ),
        "answer-6": (
            ORDERS.format(
                confusion="table.T",
                share="np.mean(judge(pictures) == asked)",
                ceiling="np.mean(read == labels)",
                worst="np.argmax(of_asked)",
            ),
            0,
        ),
        "answer-7": ('my_sets, my_obedience = dict.fromkeys("ABCDE", "deaf"), asked_share', 0),
    },
    {
        "answer-1": (  # the discriminator that does not see the label
            PAIRS.format(deaf=OUTER, best="np.full((4, 3), 0.5)", value="-2 * np.log(2)"),
            3,
        ),
        "answer-2": (  # the rows of the tables in their order, whatever the labels are
            NORM.format(
                axes=(0, 1, 2),
                table="np.resize(table, (len(x), table.shape[1]))[:, None, None]",
                result="x * scale + shift",
            ),
            4,
        ),
        "answer-3": (
            PROJECTION.format(
                logits="1 / (1 + np.exp(-(f @ w + b + np.sum(f * rows[labels], axis=1))))",
                favourite="np.argmax(rows @ f.T, axis=0)",
            ),
            4,
        ),
        "answer-4": (  # the right label can be drawn; both kinds of fakes have the full weight
            LOSSES.format(
                labels="rng.integers(0, classes, len(labels))",
                generator="np.mean(softplus(-fake))",
                fake="np.mean(softplus(fake))",
                wrong="on_fakes += np.mean(softplus(wrong))",
                real="np.mean(softplus(-real))",
            ),
            4,
        ),
        "answer-5": (
            PRICE.format(
                pairs="(p.sum(axis=1)[:, None] - p) / len(p[0])", best="p / (p + q / 2 + r / 2)"
            ),
            5,
        ),
        "answer-6": (
            ORDERS.format(
                confusion="table / table.sum(axis=1, keepdims=True)",
                share="of_asked.mean()",
                ceiling="of_real.max()",
                worst="np.argmin(of_real)",
            ),
            4,
        ),
        "answer-7": (
            CASE.format(
                near="half exchanged",
                far="joined",
                copied="fcd > 2",
                obedience="asked_share / readable",
            ),
            0,
        ),
    },
    {
        "answer-1": (
            PAIRS.format(
                deaf=OUTER,
                best="p / (p + my_deaf)",
                value="np.sum(p * np.log2(my_best) + my_deaf * np.log2(1 - my_best))",
            ),
            6,
        ),
        "answer-2": (
            NORM.format(
                axes=(0, 1, 2),
                table="table[labels][:, None, None]",
                result="(x + shift) * scale",
            ),
            4,
        ),
        "answer-3": (
            PROJECTION.format(
                logits="np.sum(f * (w + rows[labels]), axis=1) + b",
                favourite="np.argmin(rows @ f.T, axis=0)",
            ),
            8,
        ),
        "answer-4": (  # one label is never drawn; the saturating loss; wrong pairs count as real
            LOSSES.format(
                labels="(labels + rng.integers(1, classes - 1, len(labels))) % classes",
                generator="-np.mean(softplus(fake))",
                fake="np.mean(softplus(fake))",
                wrong="on_fakes = (on_fakes + np.mean(softplus(-wrong))) / 2",
                real="np.mean(softplus(-real))",
            ),
            4,
        ),
        "answer-5": (
            PRICE.format(
                pairs="(p.sum(axis=1)[:, None] - p) / (len(p[0]) - 1)", best="p / (p + q + r)"
            ),
            5,
        ),
        "answer-6": (
            ORDERS.format(
                confusion="table",
                share="np.mean(np.diag(table) / table.sum(axis=0))",
                ceiling="of_real.mean()",
                worst="np.argmin(of_real - of_asked)",
            ),
            8,
        ),
        "answer-7": (
            CASE.format(
                near="joined",
                far="half exchanged",
                copied="fcd < 2",
                obedience="(asked_share - 0.1) / (readable - 0.1)",
            ),
            4,
        ),
    },
]
