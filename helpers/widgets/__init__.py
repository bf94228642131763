"""Things to click on. An error in a reader's function, at a click or a move, is shown below."""

from .chooser import class_chooser as class_chooser
from .lab import gan_lab as gan_lab
from .pad import sketch_pad as sketch_pad
from .plane import latent_plane as latent_plane
from .quiz import quiz_result as quiz_result
from .quiz import real_or_fake as real_or_fake
from .walk import latent_walk as latent_walk
