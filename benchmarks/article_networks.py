"""The losses of the article's own networks, with the article's own targets: the curve that chapter 05 draws.

    COURSE_DATA_DIR=../shared/data python -m benchmarks.article_networks        25 to 45 minutes on 2 cores; goes on where it stopped

It takes networks, targets, rates and the train step from the chapter, and writes `benchmarks/article_networks.csv`, one row a step.
"""

import csv
import os

from helpers import datasets
from helpers.budget import start
from helpers.paths import ROOT, atomic_write
from tools.definitions import load_definitions

STEPS, SAVE_EVERY, SEED = 300, 20, 42
CURVE = ROOT / "benchmarks/article_networks.csv"


def main():
    os.environ["COURSE_BUDGET"] = "full"
    start(SEED)
    import keras
    from helpers.checkpoints import Checkpoints

    keras.utils.set_random_seed(SEED)
    chapter, data = load_definitions("05"), datasets.load("fashion_mnist")
    if data.source == "embedded":
        raise SystemExit("This is about the real Fashion-MNIST. Set COURSE_DATA_DIR to the folder that has it.")
    gan = chapter.FashionGAN(*chapter.make_networks(chapter.ARTICLE), chapter.article_targets)
    optimizers = {f"{name}_optimizer": keras.optimizers.Adam(rate) for name, rate in chapter.ARTICLE_RATES.items()}
    gan.compile(**optimizers)
    kept = Checkpoints("05_keras_fit/article_networks", generator=gan.generator, discriminator=gan.discriminator, seeds=gan.seeds, **optimizers)
    done, history = kept.resume()

    class Keep(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs):
            step = done + batch + 1
            for name, value in logs.items():
                history[name].append(float(value))
            if step % SAVE_EVERY == 0 or step == STEPS:
                kept.save(step, history)
                print(f"step {step} of {STEPS}:", ", ".join(f"{name} {curve[-1]:.3g}" for name, curve in history.items()), flush=True)

    if done < STEPS:
        dataset = chapter.make_dataset(chapter.scaled(data.train_images), first_step=done)
        gan.fit(dataset, steps_per_epoch=STEPS - done, callbacks=[Keep()], shuffle=False, verbose=0)
    rows = [[step, *(f"{value:.6g}" for value in values)] for step, values in enumerate(zip(*history.values()), 1)]
    with atomic_write(CURVE) as temporary, open(temporary, "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([["step", *history], *rows])


if __name__ == "__main__":
    main()
