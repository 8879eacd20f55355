"""Templates: one way to ask for any piece of one, and how they are installed."""

from sctflow.templates.find import find_template
from sctflow.templates.layout import CombinedRegion, Region, Template

__all__ = ["CombinedRegion", "Region", "Template", "find_template"]
