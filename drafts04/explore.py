"""One recipe, scored at marks, with several averages at once.
explore.py name steps [opt=value ...]"""
import os, sys, time, json
os.environ.setdefault("COURSE_DATA_DIR", "../shared/data")
import numpy as np
from helpers import datasets, metrics
from helpers.course import start, machine_gflops
start(42)
import keras, tensorflow as tf
from keras import layers
name, steps = sys.argv[1], int(sys.argv[2])
o = dict(fc=96, mid=48, d="16,32,64", kd=5, dh=512, rate=2e-3, rate_d=0, beta_1=.5, beta_2=.999, batch=64, smooth=1.0,
         drop=0., seed=42, decay=0, bnd=1, gh=0, marks="1.0", avg="0.998,0.999,0.9995", latent=100, kg=4, mom=.99, tail="", grow=0, wd=0.0, slope=.2, dd=0, tanh=1, eps=1e-7, pack=1, topk=1.0, r1=0.0, lazy=16, skip=0, patch=0, cos=0)
for a in sys.argv[3:]:
    k, v = a.split("="); o[k] = type(o[k])(v) if not isinstance(o[k], str) else v
print(name, steps, o, flush=True)
keras.utils.set_random_seed(o["seed"])
fashion = datasets.load("fashion_mnist")
real = ((fashion.train_images.astype(np.float32) - 127.5) / 127.5)[..., None]
def make_g():
    grow = dict(kernel_size=o["kg"], strides=2, padding="same")
    L = [keras.Input((o["latent"],))]
    if o["gh"]: L += [layers.Dense(o["gh"], use_bias=False), layers.BatchNormalization(momentum=o["mom"]), layers.ReLU()]
    L += [layers.Dense(49 * o["fc"], use_bias=False), layers.BatchNormalization(momentum=o["mom"]), layers.ReLU(), layers.Reshape((7, 7, o["fc"])),
          layers.Conv2DTranspose(o["mid"], use_bias=False, **grow), layers.BatchNormalization(momentum=o["mom"]), layers.ReLU(),
          layers.Conv2DTranspose(1, activation="tanh", **grow)]
    if o["skip"]:
        m = keras.Sequential(L[:-1]); h = m.layers[-1].output; low = layers.Conv2D(1, 3, padding="same")(h)
        out = layers.Conv2DTranspose(1, **grow)(h) + layers.UpSampling2D(interpolation="bilinear")(low)
        return keras.Model(m.inputs, keras.ops.tanh(out))
    return keras.Sequential(L)
def make_d():
    L = [keras.Input((28, 28, o["pack"]))]
    for i, f in enumerate(map(int, o["d"].split(","))):
        bn = i > 0 and o["bnd"]
        L += [layers.Conv2D(f, o["kd"], strides=2, padding="same", use_bias=not bn)] + ([layers.BatchNormalization()] if bn else []) + [layers.LeakyReLU(o["slope"])]
        if o["drop"]: L += [layers.Dropout(o["drop"])]
    L += [layers.Flatten()]
    if o["dh"]: L += [layers.Dense(o["dh"]), layers.LeakyReLU(o["slope"])]
    if o["dd"]: L += [layers.Dropout(o["dd"]/100)]
    return keras.Sequential(L + [layers.Dense(1)])
g, d = make_g(), make_d()
avgs = [float(a) for a in o["avg"].split(",")]
means = [make_g() for _ in avgs]
for m in means: m.set_weights(g.get_weights())
def sched(rate):
    if not o["decay"]: return rate
    return keras.optimizers.schedules.PolynomialDecay(rate, 1) if 0 else rate
adam = dict(beta_1=o["beta_1"], beta_2=o["beta_2"], epsilon=o["eps"])
og, od = keras.optimizers.Adam(o["rate"], **adam), keras.optimizers.Adam(o["rate_d"] or o["rate"], **adam)
rng = tf.random.Generator.from_seed(o["seed"])
wg, wd = g.trainable_variables, d.trainable_variables
og.build(wg); od.build(wd)
bce = keras.losses.BinaryCrossentropy(from_logits=True)
@tf.function
def step(x, t, r1now=False):
    z = rng.normal((x.shape[0], o["latent"]))
    with tf.GradientTape() as tg, tf.GradientTape() as td:
        f = g(z, training=True)
        if o["pack"] > 1: xs, fs = [tf.concat(tf.split(u, o["pack"]), -1) for u in (x, f)]
        else: xs, fs = x, f
        lr, lf = d(xs, training=True), d(fs, training=True)
        if o["topk"] < 1: best = tf.math.top_k(lf[:, 0], int(o["topk"] * o["batch"] / o["pack"])).values[:, None]
        else: best = lf
        lg = bce(tf.ones_like(best), best)
        ld = bce(o["smooth"] * tf.ones_like(lr), lr) + bce(tf.zeros_like(lf), lf)
    gd = td.gradient(ld, wd)
    if o["r1"] and r1now:
        with tf.GradientTape() as t2:
            with tf.GradientTape() as t1:
                t1.watch(xs); out = tf.reduce_sum(d(xs, training=True))
            pen = o["r1"] / 2 * o["lazy"] * tf.reduce_mean(tf.reduce_sum(t1.gradient(out, xs) ** 2, [1, 2, 3]))
        gd = [a if b is None else a + b for a, b in zip(gd, t2.gradient(pen, wd))]
    og.apply(tg.gradient(lg, wg), wg); od.apply(gd, wd)
    t = tf.cast(t, tf.float32)
    for a, m in zip(avgs, means):
        kept = tf.minimum(a, (1 + t) / (10 + t))
        for mm, w in zip(m.weights, g.weights): mm.assign(kept * mm + (1 - kept) * w)
    return lg, ld, (tf.reduce_mean(tf.cast(lr > 0, tf.float32)) + tf.reduce_mean(tf.cast(lf < 0, tf.float32))) / 2
def score(m):
    z = np.random.default_rng(0).standard_normal((10_000, o["latent"]), dtype=np.float32)
    x = m.predict(z, batch_size=500, verbose=0)
    s = metrics.frechet_classifier_distance(fashion.train_images, x, fashion)
    c = metrics.precision_recall(fashion.train_images, x, fashion)
    return round(s.fcd, 2), round(c.precision, 3), round(c.recall, 3)
marks = sorted({round(float(x) * steps) for x in o["marks"].split(",")} | {steps})
decay_from = o["decay"] / 100 * steps if o["decay"] else None
began, spent, right, hist = time.time(), 0., [], []
order = datasets.batches(real, o["batch"], o["seed"], first_step=0)
for t in range(steps):
    if o["cos"] and t % 20 == 0:
        r = .5 * (1 + np.cos(np.pi * t / steps))
        og.learning_rate = o["rate"] * r; od.learning_rate = (o["rate_d"] or o["rate"]) * r
    if decay_from is not None and t >= decay_from and t % 20 == 0:
        r = (steps - t) / (steps - decay_from)
        og.learning_rate = o["rate"] * max(r, .02); od.learning_rate = (o["rate_d"] or o["rate"]) * max(r, .02)
    t0 = time.time()
    lg, ld, acc = step(next(order), tf.constant(t), bool(o['r1'] and t % o['lazy'] == 0))
    acc = float(acc); spent += time.time() - t0
    right.append(acc)
    if t + 1 in marks:
        z = np.random.default_rng(9).standard_normal((2000, o["latent"]), dtype=np.float32)
        held = np.zeros(1)
        for a, m in zip(avgs, means):
            row = dict(name=name, steps=t + 1, avg=a, score=score(m), seconds=round(spent), ms=round(1000 * spent / (t + 1), 1),
                       right=round(float(np.mean(right[-500:])), 3), held_real=round(float(np.mean(held > 0)), 3), gflops=round(machine_gflops()), opts=sys.argv[3:])
            print("ROW", json.dumps(row), flush=True)
            open("results/wip/trials.jsonl", "a").write(json.dumps(row) + "\n")
