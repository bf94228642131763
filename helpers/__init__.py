"""What is not the lesson. A chapter's models, losses and train steps stand in its notebook."""

import os

# TensorFlow's remarks would end up in the notebooks as error text. To see them, set it to 0.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# Keras can run on other libraries too, and a file in the home folder may ask for one.
os.environ["KERAS_BACKEND"] = "tensorflow"
