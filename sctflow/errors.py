"""Errors that are meant to be read by the person running the program."""


class SctflowError(Exception):
    """What is wrong, in which file, and what to do about it."""


class DatasetError(SctflowError):
    """The BIDS dataset or the selection made from it cannot be processed."""


class SettingsError(SctflowError):
    """Options contradict each other or the state of the output folder."""


class ImageError(SctflowError):
    """An image cannot be read, or its data or geometry cannot be trusted."""


class SegmentationError(SctflowError):
    """A mask is missing, empty or does not fit its image."""


class TemplateError(SctflowError):
    """A template, or a piece of one, is not there or cannot be installed."""


class RegistrationError(SctflowError):
    """The steps of a registration cannot be read, or what they need is not there."""
