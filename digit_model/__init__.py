"""Reads hand-drawn digits: preprocessing, network, training and evaluation. Knows nothing of the page."""

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # where there is no GPU, TensorFlow would call it an error

from digit_model.recognizer import Prediction, Recognizer
from digit_model.sketch import PictureError, Sketch

__all__ = ["PictureError", "Prediction", "Recognizer", "Sketch"]
