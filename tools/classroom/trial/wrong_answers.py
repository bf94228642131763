"""Three notebooks of wrong answers for each assignment, and the points that each answer deserves.

The k-th mistake of every task stands in the k-th notebook.
"""

from tools.classroom.trial import wrong_04, wrong_05, wrong_06, wrong_07, wrong_08, wrong_09

BITS = "rows, columns = np.indices((2, 3))\nprobable = table[rows, columns, picture]\n"
LEVEL = "    level = {}\n    return np.stack([(level == k).sum(axis=0) for k in range(levels)], {})"
MEASURE = """
tables = [smoothed(count_right(train_images[train_labels == k], 256), 0.1) for k in (first, second)]
wins, all_bits = [], []
for own, digit in enumerate((first, second)):
    bits = [bits_right(P, {images}[{labels} == digit]) for P in tables]
    wins.append(bits[own] < bits[1 - own])
    all_bits.append(bits[own])
"""
RIGHT = """
def count_right(pictures, levels):
    level = pictures.astype(int) * levels // 256
    return np.stack([(level == k).sum(axis=0) for k in range(levels)], axis=-1)


def smoothed(counts, alpha):
    return (counts + alpha) / (counts + alpha).sum(axis=2, keepdims=True)


def bits_right(P, pictures):
    rows, columns = np.indices(P.shape[:2])
    return -np.log2(P[rows, columns, pictures]).mean(axis=(1, 2))

"""
# Task 5 must not suffer from the mistakes of tasks 2 to 4.
TEST = RIGHT + MEASURE.format(images="test_images", labels="test_labels")
TRAIN = RIGHT + MEASURE.format(images="train_images", labels="train_labels")
TEST, TRAIN = (text.replace("smoothed", "smoothed_right") for text in (TEST, TRAIN))
CASE = """
my_models = {{}}
for letter, (training, test, patchwork) in zip("ABCD", case):
    if np.isinf(test):
        my_models[letter] = "memoriser"
    elif np.isclose(test, patchwork):
        my_models[letter] = "{table}"
    else:
        my_models[letter] = "cheat" if training < 0.1 else "{above}"
rows = {{my_models[letter]: row for letter, row in zip("ABCD", case)}}
more = rows["cheat"][1] - rows["{above}"][1]
my_s = {s}
"""
SOFTPLUS = "softplus = lambda logits: np.logaddexp(0, logits)\n\n\n"
LOSSES = """
def discriminator_loss(real_logits, fake_logits):
    return np.mean({real}) + np.mean({fake})


def generator_loss(fake_logits):
    return np.mean({gen})
"""
STEP = """
def train_step(a, b, w, c, real, z, rate):
    fakes = a * z + b
    real_pull = -sigmoid(-(w * real + c)) / len(real)
    fake_pull = sigmoid(w * fakes + c) / len(z)
    {swap}
    new_w = w - rate * np.sum(real_pull * real + fake_pull * fakes)
    new_c = c - rate * np.sum(real_pull + fake_pull)
    {sequential}
    pull = -sigmoid(-(w * fakes + c)) / len(z) * w
    a, b = a - {sign} rate * np.sum(pull * z), b - {sign} rate * np.sum(pull)
    return a, b, new_w, new_c
"""
NORM = """
def batch_norm(x, mean, variance, training):
    m, v = (x.mean(axis=0), x.var(axis=0)) if {batch} else (mean, variance)
    result = (x - m) / np.sqrt(v + 0.001)
    if {update}:
        m, v = x.mean(axis=0), x.var(axis=0)
        mean, variance = {old} * mean + {new} * m, {old} * variance + {new} * v
    return result, mean, variance
"""
COVER = """
def precision_recall(real, fake):
    def distances(first, second):
        return np.linalg.norm(first[:, None] - second[None], axis=2)

    def share_close(points, others):
        reach = np.sort(distances({own}, {own}), axis=1)[:, {neighbour}]
        return (distances(points, others) < reach{axis}).any(axis=1).mean()

    return {order}
"""
BOTH = "share_close(fake, real), share_close(real, fake)"
SWAPPED = "share_close(real, fake), share_close(fake, real)"

FIELD = """
def receptive_field(layers):
    width, apart = 1, 1
    for kernel, stride in layers:
        {}
    return width
"""
LINEAR = """
def train_step(E, D, x, rate):
    codes = x @ E
    difference = codes @ D - x
    pull = 2 * difference / {size}
    old = D
    D = D - rate * codes.T @ pull
    return E {sign} rate * x.T @ (pull @ {through}.T), D, np.mean(difference**2)
"""
PCA = """
def measure_right(length, images, labels):
    train = train_images[train_labels == digit].reshape(-1, 784) / 255
    test = images[labels == digit].reshape(-1, 784) / 255
    mean = train.mean(axis=0)
    directions = np.linalg.svd(train - mean, full_matrices=False)[2][:length]
    outputs = (test - mean) @ directions.T @ directions + mean
    return ((test - outputs) ** 2).mean(axis=1)


test_errors = measure_right(length, test_images, test_labels)
train_errors = measure_right(length, train_images, train_labels)
"""
SWAP = """
my_runs = {}
for letter, (*_, end, test) in zip("ABCD", runs):
    if end > 0.05:
        my_runs[letter] = "stuck at the blot" if end > 0.2 else "rate too large"
    else:
        my_runs[letter] = "memorised" if test > 2 * end else "healthy"
"""
ALL_RIGHT = "my_convolutions = first * (kernel**2 + 1) + second * (kernel**2 * first + 1)\n"
ALL_RIGHT += "my_convolutions += second * (kernel**2 * second + 1)\n"

WRONG = {
    "01_probabilistic_model": [
        {
            "answer-1": (
                BITS + "my_bits = -np.log(probable).mean()\n"
                "my_unseen_bits = np.log((seen + 256 * alpha) / alpha)",
                0,
            ),
            "answer-2": (
                "def count_levels(pictures, levels):\n"
                + LEVEL.format(
                    "np.minimum(pictures.astype(int) * levels // 255, levels - 1)", "axis=-1"
                ),
                10,
            ),
            "answer-3": (
                "def smoothed(counts, alpha):\n"
                "    return (counts + alpha) / (counts + alpha).sum(axis=0, keepdims=True)",
                0,
            ),
            "answer-4": (
                "def bits_of_each(P, x):\n    rows, columns = np.indices(P.shape[:2])\n"
                "    return -np.log(P[rows, columns, x]).mean(axis=(1, 2))",
                0,
            ),
            "answer-5": (
                TEST + "share_right = 1 - np.concatenate(wins).mean()\n"
                "odd_one = all_bits[0].argmin()",
                0,
            ),
            "answer-6": (CASE.format(table="pixel above", above="table", s="2 ** (784 * more)"), 0),
        },
        {
            "answer-1": (
                BITS + "my_bits = -np.log2(probable).sum()\n"
                "my_unseen_bits = np.log2((seen + alpha) / alpha)",
                0,
            ),
            "answer-2": (
                "def count_levels(pictures, levels):\n"
                + LEVEL.format(
                    "pictures.transpose(0, 2, 1).astype(int) * levels // 256", "axis=-1"
                ),
                0,
            ),
            "answer-3": (
                "def smoothed(counts, alpha):\n"
                "    return (counts + alpha) / counts.sum(axis=2, keepdims=True)",
                5,
            ),
            "answer-4": (
                "def bits_of_each(P, x):\n    rows, columns = np.indices(P.shape[:2])\n"
                "    return -np.log2(P[rows, columns, x]).mean()",
                0,
            ),
            "answer-5": (
                TEST + "share_right = wins[0].mean()\n"
                "odd_one = np.flatnonzero(test_labels == first)[all_bits[0].argmax()]",
                0,
            ),
            "answer-6": (
                CASE.format(table="table", above="pixel above", s="2 ** (-784 * more)"),
                8,
            ),
        },
        {
            "answer-1": (
                BITS + "my_bits = -np.log2(probable).mean()\nmy_unseen_bits = np.log2(seen + 256)",
                5,
            ),
            "answer-2": (
                "def count_levels(pictures, levels):\n"
                + LEVEL.format("pictures * levels // 256", "axis=-1"),
                0,
            ),
            "answer-3": (
                "def smoothed(counts, alpha):\n"
                "    return (counts + alpha) / (counts + alpha)[0, 0].sum()",
                10,
            ),
            "answer-4": (
                "def bits_of_each(P, x):\n    rows, columns = np.indices(P.shape[:2])\n"
                "    return -np.log2(P[rows, columns, x] + 1e-9).mean(axis=(1, 2))",
                10,
            ),
            "answer-5": (
                TRAIN
                + "share_right = np.concatenate(wins).mean()\n"
                + TEST
                + "odd_one = all_bits[0].argmax()",
                5,
            ),
            "answer-6": (
                CASE.format(table="table", above="pixel above", s="1 - 2 ** (-784 * more)")
                + 'swap = {"cheat": "memoriser", "memoriser": "cheat"}\n'
                "my_models = {key: swap.get(model, model) for key, model in my_models.items()}",
                7,
            ),
        },
    ],
    "02_autoencoder": [
        {
            "answer-1": (
                "my_convolutions = kernel**2 * (first + first * second + second**2)\n"
                "my_dense = latent * 49 * second",
                0,
            ),
            "answer-2": (FIELD.format("width, apart = width + kernel * apart, apart * stride"), 0),
            "answer-3": (
                "def blot_loss(train, test):\n"
                "    blot = train.mean(axis=0).astype(np.uint8)\n"
                "    return np.mean(((test - blot) / 255) ** 2)",
                0,
            ),
            "answer-4": (LINEAR.format(size=1, sign="-", through="old"), 4),
            "answer-5": (PCA + "my_error, my_worst = train_errors.mean(), test_errors.argmin()", 0),
            "answer-6": ('my_runs = dict.fromkeys("ABCD", "healthy")', 0),
        },
        {
            "answer-1": (
                "my_convolutions = (first + 2 * second) * (kernel**2 + 1)\n"
                "my_dense = latent * (49 * second + 1)",
                5,
            ),
            "answer-2": (FIELD.format("apart *= stride\n        width += (kernel - 1) * apart"), 4),
            "answer-3": (
                "def blot_loss(train, test):\n"
                "    return np.mean((test / 255 - (train / 255).mean()) ** 2)",
                0,
            ),
            "answer-4": (LINEAR.format(size="x.size", sign="-", through="D"), 10),
            "answer-5": (
                PCA + "my_worst = test_errors.argmax()\n"
                "my_error = measure_right(length - 1, test_images, test_labels).mean()",
                5,
            ),
            "answer-6": (SWAP, 0),
        },
        {
            "answer-1": (ALL_RIGHT + "my_dense = latent * (14 * 14 * second + 1)", 5),
            "answer-2": (FIELD.format("width = width * stride + kernel - stride"), 4),
            "answer-3": (
                "def blot_loss(train, test):\n"
                "    return np.mean((test / 255 - (test / 255).mean(axis=0)) ** 2)",
                0,
            ),
            "answer-4": (LINEAR.format(size="x.size", sign="+", through="old"), 10),
            "answer-5": (
                PCA + "my_error = test_errors.mean()\n"
                "my_worst = np.flatnonzero(test_labels == digit)[test_errors.argmax()]",
                10,
            ),
            "answer-6": ("my_runs = None", 0),
        },
    ],
    "03_gan": [
        {
            "answer-1": (
                "my_best = q / (p + q)\n"
                "my_value = np.mean(np.log(my_best)) + np.mean(np.log(1 - my_best))",
                0,
            ),
            "answer-2": (
                SOFTPLUS
                + LOSSES.format(
                    real="softplus(real_logits)",
                    fake="softplus(-fake_logits)",
                    gen="softplus(fake_logits)",
                ),
                0,
            ),
            "answer-3": (
                "def slopes(fake_logits):\n"
                "    return -sigmoid(-fake_logits), -sigmoid(fake_logits)",
                0,
            ),
            "answer-4": (STEP.format(swap="", sequential="w, c = new_w, new_c", sign=""), 8),
            "answer-5": (NORM.format(batch=True, update=True, old=0.9, new=0.1), 6),
            "answer-6": (COVER.format(own="others", neighbour=3, axis="", order=SWAPPED), 0),
            "answer-7": ('my_runs = dict.fromkeys("ABCD", "chase")', 0),
        },
        {
            "answer-1": ("my_best = p / (p + q)\nmy_value = np.sum(p * np.log(my_best))", 5),
            "answer-2": (
                LOSSES.format(
                    real="-np.log(sigmoid(sigmoid(real_logits)))",
                    fake="-np.log(1 - sigmoid(sigmoid(fake_logits)))",
                    gen="-np.log(sigmoid(sigmoid(fake_logits)))",
                ),
                0,
            ),
            "answer-3": (
                "def slopes(fake_logits):\n    count = np.size(fake_logits)\n"
                "    return -sigmoid(fake_logits) / count, -sigmoid(-fake_logits) / count",
                0,
            ),
            "answer-4": (STEP.format(swap="", sequential="", sign="-"), 8),
            "answer-5": (NORM.format(batch="training", update="training", old=0.1, new=0.9), 7),
            "answer-6": (COVER.format(own="others", neighbour=2, axis="", order=BOTH), 0),
            "answer-7": ('my_runs = dict(zip("ABCD", ["chase", "frozen generator"] * 2))', 0),
        },
        {
            "answer-1": (
                "my_best = p / (p + q)\n"
                "my_value = np.sum(p * np.log2(my_best)) + np.sum(q * np.log2(1 - my_best))",
                5,
            ),
            "answer-2": (
                LOSSES.format(
                    real="-np.log(sigmoid(real_logits))",
                    fake="-np.log(1 - sigmoid(fake_logits))",
                    gen="-np.log(sigmoid(fake_logits))",
                ),
                11,
            ),
            "answer-3": (
                "def slopes(fake_logits):\n    return sigmoid(fake_logits), -sigmoid(-fake_logits)",
                4,
            ),
            "answer-4": (
                STEP.format(
                    swap="real_pull, fake_pull = -real_pull, -fake_pull", sequential="", sign=""
                ),
                8,
            ),
            "answer-5": (NORM.format(batch="training", update=True, old=0.9, new=0.1), 6),
            "answer-6": (COVER.format(own="points", neighbour=3, axis="[:, None]", order=BOTH), 0),
            "answer-7": ("my_runs = None", 0),
        },
    ],
}
WRONG["04_dcgan"] = wrong_04.WRONG
WRONG["05_keras_fit"] = wrong_05.WRONG
WRONG["06_cgan"] = wrong_06.WRONG
WRONG["07_pix2pix"] = wrong_07.WRONG
WRONG["08_cyclegan"] = wrong_08.WRONG
WRONG["09_style_transfer"] = wrong_09.WRONG
