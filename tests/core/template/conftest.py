import importlib.util
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location("known", Path(__file__).with_name("known.py"))
_known = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_known)


@pytest.fixture(scope="session")
def known():
    """Subjects that are made from a template by maps that are known."""
    return _known


@pytest.fixture(scope="session")
def straight(known):
    """The template's space, its mask and affine."""
    return known.template_space()
