"""Three notebooks of wrong answers for the assignment of chapter 05: see `wrong_answers`."""

DUEL = """
class Duel(Players):
    def train_step(self, batch):
        def cost(target, logits):
            targets = {target} * tf.ones_like(logits)
            return tf.nn.sigmoid_cross_entropy_with_logits(targets, logits)

        reals, noises = batch
        with tf.GradientTape(persistent=True) as tape:
            made = noises + self.b
            costs = cost(1.0, self.w * reals), cost(0.0, self.w * made)
            loss_d = {together}
            loss_g = tf.reduce_mean(tf.nn.softplus(-self.w * made))
        pulls = tape.gradient(loss_d, [self.w]), tape.gradient(loss_g, [self.b])
        self.optimizers["discriminator"].apply(pulls[0], [self.w])
        {again}
        self.optimizers["generator"].apply(pulls[1], [self.b])
        for name, value in dict(discriminator_loss=loss_d, generator_loss=loss_g).items():
            self.means[name].update_state(value)
        return {returned}
"""
ALL, HALVES = "tf.reduce_mean(tf.concat(costs, 0))", "sum(map(tf.reduce_mean, costs)) / 2"
NEW_TAPE = """with tf.GradientTape() as new_tape:
            loss_g = tf.reduce_mean(tf.nn.softplus(-self.w * (noises + self.b)))
        pulls = None, new_tape.gradient(loss_g, [self.b])"""
MEANS = "{name: self.means[name].result() for name in NAMES}"
LAST = "dict(discriminator_loss=loss_d, generator_loss=loss_g)"
MOVED = """
flags, used, my_moved = dict(first=True, second=True), None, []
for row in my_program(STUDENT):
    if ".trainable" in row:
        flags[row.split(".")[0]] = row.split()[-1] == "True"
    if "compile" in row:
        {at_compile}
    if "fit" in row:
        trained = {trained}
        my_moved.append("both" if all(trained.values()) else max(trained, key=trained.get))
"""
CRITIC = """
@keras.saving.register_keras_serializable("assignment_05")
class Critic(keras.Model):
    def __init__(self, width, slope=0.3{more}):
        super().__init__({passed})
        self.width, self.slope = width, slope
        self.hidden = keras.layers.Dense(width)
        self.last = keras.layers.Dense(1{ends})
        self.leaky = keras.layers.LeakyReLU(slope)

    def call(self, pictures):
        return self.last(self.leaky(self.hidden(pictures)))

    def get_config(self):
        return {config}
"""
EPOCHS = """
table = values.reshape({shape})
my_means = {means}
my_peak = {peak}
"""
DOCTOR = """
def doctor(history, last):
    some = {{key: np.asarray(one, dtype=float){part} for key, one in history.items()}}
    if not np.isfinite([{finite} for one in some.values()]).all():
        return "not a number"
    loss, _, real, fake = (one{value} for one in some.values())
    fits = {{
        "no probabilities": loss < 0,
        "discriminator wins": real > 0.95 and fake < 0.05,
        "exchanged": fake - real >= 0.02,
        "blind": abs(real - fake) < 0.02,
        "healthy": True,
    }}
    return next(name for name in {order} if fits[name])
"""
RUNS = """
my_runs = {}
for letter, (*_, (loss_d, loss_g)) in zip("ABCD", runs):
    if loss_g > 0.5:
        my_runs[letter] = "mended"
    elif loss_d < 0:
        my_runs[letter] = "noise for labels"
    else:
        my_runs[letter] = "cut" if loss_g > 0.07 else "exchanged"  # the wrong way round
"""

WRONG = [
    {
        "answer-1": (
            "my_shown = losses[:, -1]\n"
            "my_forgotten = losses[1].mean()\n"
            "my_weighted = losses[1] @ counts / 256",
            0,
        ),
        "answer-2": (
            DUEL.replace("{target}", "(1 - target)")
            .replace("{together}", ALL)
            .replace("{again}", NEW_TAPE)
            .replace("{returned}", MEANS),
            0,
        ),
        "answer-3": (MOVED.format(at_compile="pass", trained="flags"), 5),
        "answer-4": (
            CRITIC.format(
                more=", **more",
                passed="**more",
                ends="",
                config="super().get_config() | {'width': self.width}",
            ),
            9,
        ),
        "answer-5": (
            EPOCHS.format(shape="epoch_steps, -1", means="table.mean(axis=0)", peak="values.max()"),
            0,
        ),
        "answer-6": (
            DOCTOR.format(part="", finite="one.sum()", value=".mean()", order="fits"),
            7,
        ),
        "answer-7": ('my_runs = dict.fromkeys("ABCD", "mended")', 0),
    },
    {
        "answer-1": (
            "my_shown = losses @ counts / counts.sum()\n"
            "my_forgotten = losses.mean()\n"
            "my_weighted = my_shown[1]",
            6,
        ),
        "answer-2": (
            DUEL.replace("{target}", "target")
            .replace("{together}", HALVES)
            .replace("{again}", NEW_TAPE)
            .replace("{returned}", MEANS),
            16,
        ),
        "answer-3": (
            MOVED.format(at_compile="used = dict(flags)", trained="used"),
            5,
        ),
        "answer-4": (
            CRITIC.format(
                more="", passed="", ends="", config="dict(width=self.width, slope=self.slope)"
            ),
            11,
        ),
        "answer-5": (
            EPOCHS.format(
                shape="-1, epoch_steps",
                means="table.mean(axis=1)",
                peak="table[my_means.argmax()].max()",
            ),
            5,
        ),
        "answer-6": (
            DOCTOR.format(
                part="",
                finite="one.sum()",
                value="[-last:].mean()",
                order="('discriminator wins', 'exchanged', *fits)",
            ),
            7,
        ),
        "answer-7": (RUNS, 0),
    },
    {
        "answer-1": (
            "my_shown = losses.mean(axis=1)\n"
            "my_forgotten = losses[0].mean() + losses[1].mean()\n"
            "my_weighted = (losses @ counts).sum() / (2 * counts.sum())",
            4,
        ),
        "answer-2": (
            DUEL.replace("{target}", "target")
            .replace("{together}", ALL)
            .replace("{again}", "")
            .replace("{returned}", LAST),
            9,
        ),
        "answer-3": ("my_moved = ['both'] * 4", 0),
        "answer-4": (
            CRITIC.format(
                more=", **more",
                passed="**more",
                ends=", activation='sigmoid'",
                config="super().get_config() | dict(width=self.width, slope=self.slope)",
            ),
            4,
        ),
        "answer-5": (
            EPOCHS.format(
                shape="-1, epoch_steps",
                means="table[:, -1]",
                peak="table[table.mean(axis=1).argmin()].max()",
            ),
            5,
        ),
        "answer-6": (
            DOCTOR.format(part="[-last:]", finite="one.sum()", value="[-1]", order="fits"),
            4,
        ),
        "answer-7": ("my_runs = None", 0),
    },
]
