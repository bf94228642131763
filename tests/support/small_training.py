"""A small adversarial training that keeps all kinds of things, in processes that are killed.

    python -m tests.support.small_training '[["name", "result.npz", "moment", "without"], ...]'

Runs one life after the other, each in a process of its own (forked, so that TensorFlow is imported
once), and prints how each ended, as JSON: 0, or -9 for SIGKILL. The moments are:

    none              it ends by itself and writes the result
    step 7            between the two updates of step 7
    between 7         after step 7
    writing 8         in the save of step 8, when half of the file is written
    before-rename 8   when the file is whole but has not got its name
    before-removal 8  before the oldest checkpoint is removed
    outside 7         from another process, a moment after step 7 has begun

`without` leaves out of the checkpoint one thing that must be in it: "" or the name of a part,
"seeds" of dropout, or the "order" of the data.
"""

import json
import os
import random
import signal
import sys
import time

from helpers.course import quiet_import

with quiet_import():
    import keras
    import numpy as np
    import tensorflow as tf

from helpers import checkpoints, datasets, training
from helpers.training import Training
from tests.support import forks

STEPS, SAVE_EVERY, SEED, BATCH = 24, 4, 3, 8
IMAGES = np.random.default_rng(0).random(
    (60, 6, 6, 1), dtype=np.float32
)  # 7 batches an epoch: a save falls inside of epochs


def make_networks():
    generator = keras.Sequential(
        [
            keras.Input((5,)),
            keras.layers.Dense(72),
            keras.layers.BatchNormalization(),
            keras.layers.LeakyReLU(),
            keras.layers.Reshape((3, 3, 8)),
            keras.layers.Conv2DTranspose(1, 4, strides=2, padding="same"),
        ]
    )
    discriminator = keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            keras.layers.Conv2D(8, 3, strides=2),
            keras.layers.LeakyReLU(),
            keras.layers.Dropout(0.4),
            keras.layers.Flatten(),
            keras.layers.Dense(1),
        ]
    )
    return generator, discriminator


def make_train_step(
    generator, discriminator, averaged, generator_optimizer, discriminator_optimizer, noise, middle
):
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)

    @tf.function
    def train_step(images):
        z = noise.normal((BATCH, 5))
        with tf.GradientTape() as tape:
            real, fake = (
                discriminator(images, training=True),
                discriminator(generator(z, training=True), training=True),
            )
            d_loss = cross_entropy(tf.ones_like(real), real) + cross_entropy(
                tf.zeros_like(fake), fake
            )
        variables = discriminator.trainable_variables
        discriminator_optimizer.apply_gradients(zip(tape.gradient(d_loss, variables), variables))
        tf.py_function(middle, [], [])
        with tf.GradientTape() as tape:
            fake = discriminator(generator(z, training=True), training=True)
            g_loss = cross_entropy(tf.ones_like(fake), fake)
        variables = generator.trainable_variables
        generator_optimizer.apply_gradients(zip(tape.gradient(g_loss, variables), variables))
        for mean, value in zip(averaged.variables, generator.variables):
            mean.assign(0.9 * mean + 0.1 * value)
        return {"discriminator_loss": d_loss, "generator_loss": g_loss}

    return train_step


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def die_in_a_save(moment):
    """Arrange that the next save ends at this moment."""
    if moment == "writing":
        whole = np.savez

        def half(file, **arrays):
            whole(file, **arrays)
            file.truncate(file.tell() // 2)
            die()

        np.savez = half
    elif moment == "before-rename":
        checkpoints.os.fsync = lambda _: die()
    elif moment == "before-removal":
        checkpoints.find_files = lambda *_: die()


def train(folder, result, moment, without, say_step):
    moment, _, at = moment.partition(" ")
    at, now = int(at or -1), [0]
    keras.utils.set_random_seed(SEED)
    generator, discriminator = make_networks()
    parts = {
        "generator": generator,
        "discriminator": discriminator,
        "averaged": keras.models.clone_model(generator),
        "generator_optimizer": keras.optimizers.Adam(1e-3),
        "discriminator_optimizer": keras.optimizers.Adam(2e-3),
        "noise": tf.random.Generator.from_seed(SEED),
    }
    parts["generator_optimizer"].build(generator.trainable_variables)
    parts["discriminator_optimizer"].build(discriminator.trainable_variables)
    dies = lambda: die() if (moment, at) == ("step", now[0]) else None
    train_step = make_train_step(**parts, middle=dies)
    seen = tf.Variable(0, dtype=tf.int64)
    kept = {name: part for name, part in parts.items() if name != without} | {"seen": seen}
    if without == "seeds":  # Keras counts the states of dropout's seeds to `variables` only
        kept |= {f"weight_{n}": weight for n, weight in enumerate(discriminator.weights)}
        del kept["discriminator"]
    if without == "order":
        whole = datasets.batches
        training.batches = lambda *arguments, first_step: whole(*arguments)

    run = Training(f"00_small/{folder}", STEPS, SAVE_EVERY, **kept)
    for images in run.batches(IMAGES, BATCH, SEED):
        now[0] = run.step + 1
        say_step(now[0])
        numbers = train_step(images)
        seen.assign_add(len(images))
        if now[0] == at:
            die_in_a_save(moment)
        run.update(**numbers)
        if (moment, at) == ("between", now[0]):
            die()
    if moment == "outside":
        time.sleep(60)  # the signal is on its way
    variables = [variable for part in list(parts.values())[:-1] for variable in part.variables]
    state = [np.asarray(variable) for variable in [*variables, parts["noise"].state, seen]]
    curves = {name: np.array(curve) for name, curve in run.history.items() if name != "seconds"}
    np.savez(result, **{f"v{n}": array for n, array in enumerate(state)}, **curves)


def live(folder, result, moment, without):
    """Train in a process of its own and return how it ended: 0, or minus the signal's number."""
    ear, mouth = os.pipe()
    say_step = lambda step: os.write(mouth, bytes([step]))
    child = forks.fork(train, folder, result, moment, without, say_step)
    os.close(mouth)
    while heard := os.read(ear, 1):
        if moment == f"outside {heard[0]}":
            time.sleep(random.uniform(0, 0.01))
            os.kill(child, signal.SIGKILL)
    os.close(ear)
    return forks.ending(child)


if __name__ == "__main__":
    ends = [live(*life) for life in json.loads(sys.argv[1])]
    print("\n" + json.dumps(ends))  # a line of its own, after the bars of the children
