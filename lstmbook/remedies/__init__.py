"""Learners that LSTM is compared with, one file each."""
