"""A small adversarial training with everything that a checkpoint must keep, in processes that are killed at chosen moments.

    python -m tests.small_training '[["folder", "result.npz", "moment", "without"], ...]'

Runs one life after the other, each in a process of its own (forked, so that TensorFlow is imported once), and prints how each ended,
as JSON: 0, or -9 for SIGKILL. The moments are:

    none              it ends by itself and writes the result
    step 7            between the two updates of step 7
    between 7         after step 7
    writing 8         in the save of step 8, when half of the file is written
    before-rename 8   when the file is whole but has not got its name
    before-removal 8  before the oldest checkpoint is removed
    outside 7         from another process, a moment after step 7 has begun

`without` leaves out of the checkpoint one thing that must be in it: "" or the name of an object, "seeds" of dropout, or the "order" of the data.
"""

import json
import os
import random
import signal
import sys
import time

from helpers.budget import quiet_import

with quiet_import():
    import keras
    import numpy as np
    import tensorflow as tf

from helpers import checkpoints, datasets
from helpers.checkpoints import Checkpoints

STEPS, SAVE_EVERY, SEED, BATCH = 24, 4, 3, 8
IMAGES = np.random.default_rng(0).random((60, 6, 6, 1), dtype=np.float32)  # 7 batches an epoch: a save falls inside of epochs


def make_networks():
    generator = keras.Sequential([
        keras.Input((5,)), keras.layers.Dense(72), keras.layers.BatchNormalization(), keras.layers.LeakyReLU(),
        keras.layers.Reshape((3, 3, 8)), keras.layers.Conv2DTranspose(1, 4, strides=2, padding="same"),
    ])  # fmt: skip
    discriminator = keras.Sequential([
        keras.Input((6, 6, 1)), keras.layers.Conv2D(8, 3, strides=2), keras.layers.LeakyReLU(), keras.layers.Dropout(0.4),
        keras.layers.Flatten(), keras.layers.Dense(1),
    ])  # fmt: skip
    return generator, discriminator


def make_train_step(generator, discriminator, averaged, generator_optimizer, discriminator_optimizer, noise, in_the_middle):
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)

    @tf.function
    def train_step(images):
        z = noise.normal((BATCH, 5))
        with tf.GradientTape() as tape:
            real, fake = discriminator(images, training=True), discriminator(generator(z, training=True), training=True)
            d_loss = cross_entropy(tf.ones_like(real), real) + cross_entropy(tf.zeros_like(fake), fake)
        variables = discriminator.trainable_variables
        discriminator_optimizer.apply_gradients(zip(tape.gradient(d_loss, variables), variables))
        tf.py_function(in_the_middle, [], [])
        with tf.GradientTape() as tape:
            fake = discriminator(generator(z, training=True), training=True)
            g_loss = cross_entropy(tf.ones_like(fake), fake)
        variables = generator.trainable_variables
        generator_optimizer.apply_gradients(zip(tape.gradient(g_loss, variables), variables))
        for mean, value in zip(averaged.variables, generator.variables):
            mean.assign(0.9 * mean + 0.1 * value)
        return d_loss, g_loss

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
        checkpoints.Checkpoints._files = lambda self: die()


def train(folder, result, moment, without, say_step):
    moment, _, at = moment.partition(" ")
    at, now = int(at or -1), [0]
    keras.utils.set_random_seed(SEED)
    generator, discriminator = make_networks()
    averaged = keras.models.clone_model(generator)
    optimizers = keras.optimizers.Adam(1e-3), keras.optimizers.Adam(2e-3)
    optimizers[0].build(generator.trainable_variables)
    optimizers[1].build(discriminator.trainable_variables)
    noise, numpy_noise = tf.random.Generator.from_seed(SEED), np.random.default_rng(SEED)
    seen = tf.Variable(0, dtype=tf.int64)
    objects = {
        "generator": generator, "discriminator": discriminator, "averaged": averaged, "optimizers": optimizers, "noise": noise,
        "numpy_noise": numpy_noise, "seen": seen, "batch_size": BATCH, "seed": SEED,
    }  # fmt: skip
    if without == "seeds":
        objects["discriminator"] = discriminator.weights  # Keras counts the states of dropout's seeds to `variables` only
    kept = Checkpoints(folder, **{name: thing for name, thing in objects.items() if name != without})
    train_step = make_train_step(
        generator, discriminator, averaged, *optimizers, noise, lambda: die() if (moment, at) == ("step", now[0]) else None
    )

    done, history = kept.resume()
    batches = datasets.batches(IMAGES, BATCH, SEED, first_step=0 if without == "order" else done)
    for step, images in zip(range(done + 1, STEPS + 1), batches):
        now[0] = step
        say_step(step)
        d_loss, g_loss = train_step(images + 0.01 * numpy_noise.standard_normal(images.shape, dtype=np.float32))
        seen.assign_add(len(images))
        history["discriminator_loss"].append(d_loss)
        history["generator_loss"].append(g_loss)
        if step % SAVE_EVERY == 0:
            if step == at:
                die_in_a_save(moment)
            kept.save(step, history)
        if (moment, at) == ("between", step):
            die()
    if moment == "outside":
        time.sleep(60)  # the signal is on its way
    things = [*generator.variables, *discriminator.variables, *averaged.variables, *optimizers[0].variables, *optimizers[1].variables]
    state = {f"v{n}": np.asarray(variable) for n, variable in enumerate([*things, noise.state, seen])}
    np.savez(result, **state, numpy_noise=numpy_noise.random(3), **{name: np.array(curve, float) for name, curve in history.items()})


def live(folder, result, moment, without):
    """Train in a process of its own and return how it ended: 0, or minus the signal's number."""
    ear, mouth = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            train(folder, result, moment, without, lambda step: os.write(mouth, bytes([step])))
            code = 0
        finally:
            sys.stdout.flush()
            os._exit(code)
    os.close(mouth)
    while heard := os.read(ear, 1):
        if moment == f"outside {heard[0]}":
            time.sleep(random.uniform(0, 0.01))
            os.kill(child, signal.SIGKILL)
    os.close(ear)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    sys.stdout.flush()
    print(json.dumps([live(*life) for life in json.loads(sys.argv[1])]))
