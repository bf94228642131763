"""Train the generators that come with the course, with the chapters' own code.

    COURSE_DATA_DIR=../shared/data make pretrained              all that are not on the card yet; `NAME=03_gan_boots` for this one, on the card or not

A training that is stopped goes on when the command is given again: its checkpoints are in `results/full/`. When one is complete, its generator is
scored and written to `data/pretrained/` with its line on the card.
"""

import os
import shutil
import sys
import time

import numpy as np

from helpers import datasets, metrics, pretrained
from helpers.budget import start
from tools.definitions import load_definitions
from tools.ship import ship

SAVE_EVERY = 250  # steps
SEED = 1


def train(name, chapter, images, steps, parts, after_step=lambda step: None, **settings):
    """Train to the last step, from the last checkpoint on, and return the folder of the checkpoints.

    Args:
        name: of the model, such as "03_gan_digits"; its checkpoints lie beside those of the chapter.
        chapter: its definitions.
        images: float32 (N, 28, 28, 1) in [-1, 1]; or a tuple of them and one-hot labels.
        parts: what belongs to the training, as the chapter's `make_train_step` wants it; an averaged copy may be there too.
        after_step: called with the number of steps done before.
        settings: `batch_size`, and what else must be the same when a training goes on.
    """
    from helpers.checkpoints import Checkpoints

    needed = ("generator", "discriminator", "generator_optimizer", "discriminator_optimizer", "rng")
    train_step = chapter.make_train_step(*(parts[part] for part in needed))
    kept = Checkpoints(f"{name[:2]}_pretrained/{name[3:]}", seed=SEED, **settings, **parts)
    step, _ = kept.resume()
    if step > steps:
        raise SystemExit(f"{name} was trained for {step:,} steps already, but {steps:,} are wanted. Remove '{kept.folder}' to train it again.")
    began, first = time.monotonic(), step
    for batch in datasets.batches(images, settings["batch_size"], SEED, first_step=step):
        if step >= steps:
            return kept.folder
        losses = train_step(*batch) if isinstance(batch, tuple) else train_step(batch)
        after_step(step)
        step += 1
        if step % SAVE_EVERY == 0 or step == steps:
            kept.save(step, {})
            rest = (time.monotonic() - began) / (step - first) * (steps - step) / 60
            print(f"{name}: step {step:,} of {steps:,}, losses {losses[0]:.2f} {losses[1]:.2f}, {rest:.0f} minutes left", flush=True)


def gan(name, data, images, steps, kind):
    """Chapter 03's network on some pictures; the averaged generator is kept."""
    import keras
    import tensorflow as tf

    chapter = load_definitions("03")
    keras.utils.set_random_seed(SEED)
    parts = {
        "generator": chapter.make_generator(), "discriminator": chapter.make_discriminator(),
        "generator_optimizer": keras.optimizers.Adam(chapter.RATE_G, beta_1=chapter.BETA_1),
        "discriminator_optimizer": keras.optimizers.Adam(chapter.RATE_D, beta_1=chapter.BETA_1),
        "rng": tf.random.Generator.from_seed(SEED), "averaged": chapter.make_generator(),
    }  # fmt: skip
    parts["averaged"].set_weights(parts["generator"].get_weights())
    average_step = chapter.make_average_step(parts["generator"], parts["averaged"])
    settings = dict(batch_size=chapter.BATCH, average=chapter.AVERAGE, rate_g=chapter.RATE_G, rate_d=chapter.RATE_D)
    folder = train(name, chapter, chapter.scaled(images), steps, parts, lambda step: average_step(tf.constant(step)), **settings)
    finish(name, chapter, chapter.settled(parts["averaged"]), data, images, f"chapter 03's generator of {kind}", steps)
    shutil.rmtree(folder)  # the next time it is trained again


def dcgan(name, data, images, steps):
    """Chapter 04's improved recipe; the averaged generator is kept."""
    import tensorflow as tf

    chapter = load_definitions("04")
    recipe = chapter.IMPROVED
    parts = chapter.make_parts(recipe, SEED)
    parts["averaged"] = chapter.averaged_copy(recipe, parts["generator"])
    average_step = chapter.make_average_step(parts["generator"], parts["averaged"], recipe["average"])
    settings = {key: recipe[key] for key in ("batch_size", "average", "rate")}
    folder = train(name, chapter, chapter.scaled(images), steps, parts, lambda step: average_step(tf.constant(step)), **settings)
    finish(name, chapter, parts["averaged"], data, images, "chapter 04's improved recipe, averaged generator of clothes", steps)
    shutil.rmtree(folder)  # the next time it is trained again


def cgan(name, data, recipe_name, steps, about):
    """Chapter 06: a conditional generator; the averaged one is kept, as a functional model, so that it loads without the chapter's classes."""
    import keras
    import tensorflow as tf

    chapter = load_definitions("06")
    recipe = getattr(chapter, recipe_name)
    parts = chapter.make_parts(recipe, SEED)
    parts["averaged"] = chapter.averaged_copy(recipe, parts["generator"])
    average_step = chapter.make_average_step(parts["generator"], parts["averaged"])
    settings = {key: recipe[key] for key in ("batch_size", "rate", "beta_1")}
    pictures = chapter.scaled(data.train_images), chapter.one_hot(data.train_labels)
    folder = train(name, chapter, pictures, steps, parts, lambda step: average_step(tf.constant(step)), **settings)
    inputs = [keras.Input((chapter.LATENT,)), keras.Input((chapter.CLASSES,))]
    generator = keras.Model(inputs, parts["averaged"].call(inputs))
    shipped = pretrained.in_dtype(pretrained.in_dtype(generator, "float16"), "float32")
    shares = chapter.asked_shares(shipped, data)
    frequent = np.bincount(data.train_labels) >= len(data.train_labels) / 20  # some folders have few pictures of some classes
    measured = {"asked_class": shares.mean(), "asked_class_in_full_classes": shares[frequent].mean(), "full_classes": frequent.sum()}
    count = metrics.LARGEST_SAMPLE
    images = chapter.draw(shipped, chapter.like(data, count), chapter.make_noise(count, SEED))
    ship(name, generator, about, f"make pretrained NAME={name}", steps=steps, **scores(data.train_images, images, data), **measured)
    shutil.rmtree(folder)  # the next time it is trained again


def pix2pix(name, steps):
    """Chapter 07: its own loop, longer. The sketches are drawn by the course, so no folder of pictures is needed."""
    from helpers.results import chapter_folder

    chapter, sketches = load_definitions("07"), datasets.pairs("sketches")
    generator, _ = chapter.train("pretrained", chapter.BOTH, sketches, steps, seed=SEED)
    shipped = pretrained.in_dtype(pretrained.in_dtype(generator, "float16"), "float32")
    pictures, meant = chapter.translate(shipped, sketches.test_inputs), sketches.test_targets
    measured = {"sharpness": chapter.sharpness(pictures), "sharpness_real": chapter.sharpness(meant), "l1_grey_values": chapter.distance(pictures, meant)}
    ship(name, generator, "chapter 07's Pix2Pix, generator from sketches to garments", f"make pretrained NAME={name}", steps=steps, **measured)
    shutil.rmtree(chapter_folder("07_pix2pix/pretrained"))  # the next time it is trained again


def scores(images, fakes, data):
    """Return what the card says about generated pictures."""
    score, coverage = metrics.frechet_classifier_distance(images, fakes, data), metrics.precision_recall(images, fakes, data)
    return {"fcd": score.fcd, "floor": score.floor, "samples": score.samples, "recall": coverage.recall}


def finish(name, chapter, generator, data, images, about, steps):
    """Score the generator in the form in which it is shipped, then put it on the card."""
    shipped = pretrained.in_dtype(pretrained.in_dtype(generator, "float16"), "float32")
    fakes = chapter.generate(shipped, metrics.LARGEST_SAMPLE, SEED)
    ship(name, generator, about, f"make pretrained NAME={name}", steps=steps, **scores(images, fakes, data))


def main(wanted=""):
    os.environ["COURSE_BUDGET"] = "full"
    start(SEED)
    mnist, fashion = datasets.load("mnist"), datasets.load("fashion_mnist")
    if "embedded" in (mnist.source, fashion.source):
        raise SystemExit("Pretrained models are trained on the real pictures. Set COURSE_DATA_DIR to their folder, and try again.")
    models = {
        "04_dcgan_clothes": lambda name: dcgan(name, fashion, fashion.train_images, 25_000),
        "03_gan_boots": lambda name: gan(name, fashion, fashion.train_images[fashion.train_labels == 9], 1_200, "ankle boots"),
        "03_gan_digits": lambda name: gan(name, mnist, mnist.train_images, 2_000, "digits"),
        "06_cgan_digits_source": lambda name: cgan(name, mnist, "OURS", 23_400, "chapter 06's conditional GAN, networks of the source, generator of digits"),
        "06_cgan_digits": lambda name: cgan(name, mnist, "CONVOLUTIONAL", 8_000, "chapter 06's convolutional conditional GAN, generator of digits"),
        "07_pix2pix_sketches": lambda name: pix2pix(name, 6_000),
        "06_cgan_clothes": lambda name: cgan(name, fashion, "CONVOLUTIONAL", 15_000, "chapter 06's convolutional conditional GAN, generator of clothes"),
    }
    if wanted and wanted not in models:
        raise SystemExit(f"There is no model {wanted!r}. Choose one of: {', '.join(models)}.")
    for name, make in models.items():
        if name == wanted or (not wanted and name not in pretrained.card()):
            make(name)


if __name__ == "__main__":
    main(*sys.argv[1:])
